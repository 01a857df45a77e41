/**
 * The shell's half of a snapshot. `$WORK` is the workdir and `$SNAP` the private directory; between the
 * functions the other half reads and writes files in `$SNAP`, so no name of a file is ever a word here.
 *
 * Two indexes are kept, `before` and `after`. They begin as copies of the repository's own, whose times of
 * files say what has not changed, so nothing is hashed that git knows already. Objects go to a directory
 * of ours that has the repository's as its alternate: the repository itself is only read.
 */

/** Exit status: this is no work tree of a repository. */
export const NO_REPOSITORY = 3;

export const SCRIPT = String.raw`
unset GIT_PREFIX GIT_DIR GIT_WORK_TREE
IFS=
cd "$WORK" || exit 1
umask 077

# Begins in the repository that the workdir belongs to.
open_repository() {
  unset GIT_DIR GIT_WORK_TREE GIT_OBJECT_DIRECTORY
  git rev-parse --is-inside-work-tree --git-path index --git-path objects \
    --git-path info/exclude --show-toplevel >"$SNAP/facts" 2>/dev/null || return 3
  { read -r inside; read -r index; read -r objects; read -r exclude; read -r top; } <"$SNAP/facts"
  [ "$inside" = true ] || return 3
  # A directory its repository ignores is worked in as if there were none.
  git check-ignore -q . && return 3
  mkdir -p "$SNAP/objects/info" && (cd "$objects" && pwd -P) >"$SNAP/objects/info/alternates" ||
    return
  export GIT_OBJECT_DIRECTORY="$SNAP/objects"
  if [ -f "$exclude" ]; then cp "$exclude" "$SNAP/exclude" || return; else : >"$SNAP/exclude"; fi
  if [ -f "$index" ]; then
    # With its time: entries younger than the index are not trusted.
    cp -p "$index" "$SNAP/before" || return
  elif git rev-parse -q --verify HEAD >/dev/null; then
    GIT_INDEX_FILE="$SNAP/before" git read-tree HEAD || return
  else
    GIT_INDEX_FILE="$SNAP/before" git read-tree --empty || return
  fi
  list before
}

# Begins with a repository of our own for a directory that has none.
open_plain() {
  unset GIT_DIR GIT_WORK_TREE GIT_OBJECT_DIRECTORY
  git rev-parse --show-prefix 2>/dev/null | head -n 1 | tr -d '\n' >"$SNAP/prefix"
  [ -d "$SNAP/repo/objects" ] || git init -q --bare --template= "$SNAP/repo" || return
  mkdir -p "$SNAP/repo/info" && : >"$SNAP/exclude"
  export GIT_DIR="$SNAP/repo" GIT_WORK_TREE="$WORK"
  top=$WORK
  exclude=$SNAP/repo/info/exclude
  GIT_INDEX_FILE="$SNAP/before" git read-tree --empty || return
  [ "$1" = named ] || list before
}

# What differs from an index: names in $SNAP/list.
list() {
  GIT_INDEX_FILE="$SNAP/$1" git ls-files -z --others --modified --exclude-standard >"$SNAP/list"
}

# Brings what was chosen of the list into an index.
take() {
  if [ -s "$SNAP/gone" ]; then
    GIT_INDEX_FILE="$SNAP/$1" git update-index -z --force-remove --stdin <"$SNAP/gone" || return
  fi
  if [ -s "$SNAP/take" ]; then
    GIT_INDEX_FILE="$SNAP/$1" git update-index --add --remove -z --stdin <"$SNAP/take"
  fi
}

# The same for copies of files that were made before they changed.
take_copies() {
  (cd "$SNAP/copies" && GIT_WORK_TREE="$SNAP/copies" take before)
}

look_again() {
  cp -p "$SNAP/before" "$SNAP/after" || return
  [ "$1" = named ] && return
  [ "$(cat "$SNAP/exclude")" = "$(cat "$exclude" 2>/dev/null)" ] || : >"$SNAP/rules_changed"
  list after
}

# Differences of the indexes: facts in $SNAP/summary, or the patch in $SNAP/patch.
compare() {
  tree=$(GIT_INDEX_FILE="$SNAP/before" git write-tree --missing-ok) || return
  prefix=$(cat "$SNAP/prefix" 2>/dev/null)
  renames=--find-renames
  # The names in a rename have no prefix.
  [ -z "$prefix" ] || renames=--no-renames
  case $1 in
    summary) set -- --raw --numstat -z --output="$SNAP/summary" ;;
    patch) set -- -p --binary --output="$SNAP/patch" ;;
  esac
  GIT_INDEX_FILE="$SNAP/after" git diff-index --cached --full-index "$renames" --no-ext-diff \
    --no-textconv --no-color --ignore-submodules=all --no-relative \
    --src-prefix="a/$prefix" --dst-prefix="b/$prefix" "$@" "$tree"
}

# Which of $SNAP/created the rules before the turn ignored: names in $SNAP/ignored.
ignored_before() {
  (
    cd "$top" || exit
    export GIT_INDEX_FILE="$SNAP/before"
    mkdir -p "$SNAP/rules" &&
      git ls-files -z --cached -- ':(glob)**/.gitignore' >"$SNAP/rule_files" &&
      git checkout-index -q -f -z --stdin --prefix="$SNAP/rules/" <"$SNAP/rule_files" || exit
    unset GIT_DIR GIT_WORK_TREE GIT_OBJECT_DIRECTORY GIT_INDEX_FILE
    cd "$SNAP/rules" && git init -q --template= . && mkdir -p .git/info &&
      cp "$SNAP/exclude" .git/info/exclude || exit
    git check-ignore -z --no-index --stdin <"$SNAP/created" >"$SNAP/ignored"
    [ $? -le 1 ]
  )
}

# Takes them out again: paths from the top of the repository.
drop_ignored() {
  (cd "$top" && GIT_INDEX_FILE="$SNAP/after" git update-index -z --force-remove --stdin <"$SNAP/ignored")
}
`;
