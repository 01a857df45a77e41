/** Draws Markdown as elements; text only ever becomes text. */
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { type Inline, inlines, type Segment, segments } from "./markdown.ts";

/** A paragraph longer than this is drawn as plain text. */
const MAX_STYLED_UNITS = 8000;

/** While text streams in, only its last segment is drawn anew. */
export const Markdown = memo(({ text }: { text: string }) => (
  <div class="markdown">
    {segments(text).map((segment, index) => (
      <SegmentView key={index} source={JSON.stringify(segment)} segment={segment} />
    ))}
  </div>
));

const SegmentView = memo(
  ({ segment }: { source: string; segment: Segment }) => draw(segment),
  (before, after) => before.source === after.source,
);

function draw(segment: Segment): ComponentChildren {
  switch (segment.kind) {
    case "code":
      return <CodeBlock language={segment.language} text={segment.text} />;
    case "heading": {
      // The page has its own first levels.
      const Heading = segment.level <= 1 ? "h3" : segment.level === 2 ? "h4" : "h5";
      return <Heading>{styled(segment.text)}</Heading>;
    }
    case "rule":
      return <hr />;
    case "quote":
      return <blockquote>{styled(segment.text)}</blockquote>;
    case "list": {
      const items = segment.items.map((item, index) => <li key={index}>{styled(item)}</li>);
      return segment.ordered ? <ol start={segment.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case "table":
      return (
        <div class="table">
          <table>
            <thead>
              <tr>{segment.head.map((cell, i) => <th key={i}>{styled(cell)}</th>)}</tr>
            </thead>
            <tbody>
              {segment.rows.map((row, i) => (
                <tr key={i}>{row.map((cell, j) => <td key={j}>{styled(cell)}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case "paragraph":
      return <p>{styled(segment.text)}</p>;
  }
}

function CodeBlock({ language, text }: { language: string; text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="code">
      <div class="bar">
        <span>{language || "text"}</span>
        <button type="button" class="link" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <pre tabIndex={0}><code>{text}</code></pre>
    </div>
  );
}

function styled(text: string): ComponentChildren {
  return text.length > MAX_STYLED_UNITS ? text : inlines(text).map(inlineView);
}

function inlineView(inline: Inline, index: number): ComponentChildren {
  switch (inline.kind) {
    case "text":
      return inline.text;
    case "code":
      return <code key={index}>{inline.text}</code>;
    case "strong":
      return <strong key={index}>{inline.children.map(inlineView)}</strong>;
    case "em":
      return <em key={index}>{inline.children.map(inlineView)}</em>;
    case "del":
      return <del key={index}>{inline.children.map(inlineView)}</del>;
    case "link":
      return (
        <a key={index} href={inline.href} target="_blank" rel="noopener noreferrer">
          {inline.children.map(inlineView)}
        </a>
      );
  }
}
