/** The page's files, embedded in the program. */
import bundle from "../console/dist/console.json" with { type: "json" };

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const files = new Map(Object.entries(bundle.files as Record<string, string>));

/** The answer for `path`, or null when the page has no such file. */
export function asset(path: string): Response | null {
  const text = files.get(path);
  if (text === undefined) return null;
  const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "text/plain";
  return new Response(text, {
    headers: {
      "content-type": type,
      // Names carry a hash of the content; the page itself is asked for each time.
      "cache-control": path.startsWith("/assets/")
        ? "public, max-age=31536000, immutable"
        : "no-cache",
    },
  });
}
