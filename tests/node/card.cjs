// Reads Adaptive Cards as JSON, one per line, and says what Microsoft's own library makes of each:
// one line of JSON with what its parser and its validator complain about, and the text it holds.

// The bundle expects a browser's global object.
globalThis.self = globalThis;
const cards = require("adaptivecards/dist/adaptivecards.js");

const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const card = new cards.AdaptiveCard();
  const context = new cards.SerializationContext(cards.Versions.v1_5);
  card.parse(JSON.parse(line), context);
  const parsing = [];
  for (let index = 0; index < context.eventCount; index++) {
    parsing.push(context.getEventAt(index).message);
  }
  const validation = card.validateProperties().validationEvents.map((event) => event.message);
  const texts = [];
  const counts = {};
  const visit = (element) => {
    const type = element.getJsonTypeName();
    counts[type] = (counts[type] ?? 0) + 1;
    if (type === "TextRun") texts.push(element.text);
    for (let index = 0; index < (element.getItemCount?.() ?? 0); index++) {
      visit(element.getItemAt(index));
    }
    if (type === "RichTextBlock") {
      for (let index = 0; index < element.getInlineCount(); index++) visit(element.getInlineAt(index));
    }
  };
  for (let index = 0; index < card.getItemCount(); index++) visit(card.getItemAt(index));
  const actions = Array.from({ length: card.getActionCount() }, (_, index) => {
    const action = card.getActionAt(index);
    return { type: action.getJsonTypeName(), title: action.title, url: action.url };
  });
  const version = card.version.toString();
  process.stdout.write(JSON.stringify({ version, parsing, validation, texts, counts, actions }) + "\n");
});
