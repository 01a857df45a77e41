/** Secrets to plant, and where they are found again. The model says them: `⟦name⟧` in a script. */
import { exists } from "./workdir_turn.ts";
import { base64Around, formsOfSecret } from "../support/secret_search.ts";

/** Each has characters that the usual encodings change. */
export const SECRETS = {
  api: `sk-ant-api03-Q+/7x"z~('w)=%&-0001`,
  task: "task/token+with=chars&0002",
  git: "glpat-Git~Token+/0003==",
  skill: "skill.identity+token/0004=",
  tenant: "tenant-header/secret+0005=",
  proxy: "proxy@pass/word+0006",
} as const;
export type Name = keyof typeof SECRETS;

/** What the model can say of them: as they are, in JSON, in a URL, in base64 at three places. */
export const WORDS: Record<string, string> = {};
for (const [name, secret] of Object.entries(SECRETS)) {
  const [plain, json, url] = formsOfSecret(secret);
  Object.assign(WORDS, { [name]: plain, [`${name}Json`]: json, [`${name}Url`]: url });
  for (const before of [0, 1, 2]) WORDS[`${name}Base${before}`] = base64Around(secret, before);
}

/** Everything the model can say of the secrets. */
export const EVERYTHING = Object.keys(WORDS).map((name) => `${name} is ⟦${name}⟧;`).join(" ");

/** Texts of events, put together again as a reader sees them. */
export function joined(
  events: readonly { event: string; data?: Readonly<Record<string, unknown>> | undefined }[],
): string {
  const lanes = new Map<string, string>();
  for (const { event, data } of events) {
    const lane = `${event} ${data?.["item_id"] ?? ""}`;
    if (typeof data?.["delta"] === "string") {
      lanes.set(lane, (lanes.get(lane) ?? "") + data["delta"]);
    }
  }
  return [...lanes.values()].join("\n");
}

/** Names of the secrets that are in `text`. */
export function leaks(text: string): Name[] {
  return (Object.keys(SECRETS) as Name[]).filter((name) =>
    formsOfSecret(SECRETS[name]).some((form) => text.includes(form))
  );
}

/** By variable: the secrets in it. */
export function holders(env: ReadonlyMap<string, string>): Record<string, Name[]> {
  return Object.fromEntries(
    [...env].map(([name, value]) => [name, leaks(value)] as const).filter(([, found]) =>
      found.length > 0
    ),
  );
}

/** Files of the requests that are kept. */
export function requests(home: string): string[] {
  return [...Deno.readDirSync(`${home}/state/runs`)]
    .map(({ name }) => `${home}/state/runs/${name}/request.sealed`).filter(exists);
}
