// Reads webhooks as JSON lines, {secret, headers, body}, and says whether npm standardwebhooks
// accepts each: one line of JSON, {payload} or {error}.

const { Webhook } = require("standardwebhooks");

const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  let answer;
  try {
    answer = { payload: new Webhook(secret).verify(body, headers) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
