// Reads webhooks as JSON lines, {secret, headers, body}, and says whether each is accepted: one line of
// JSON, {payload} or {error}. Symmetric secrets are checked by npm standardwebhooks, public keys
// (whpk_...) by Node's own cryptography.

const { createPublicKey, verify } = require("node:crypto");
const { Webhook } = require("standardwebhooks");

function byPublicKey(secret, headers, body) {
  const x = Buffer.from(secret.slice("whpk_".length), "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const signatures = headers["webhook-signature"].split(" ").filter((one) => one.startsWith("v1a,"));
  const isGood = (one) => verify(null, Buffer.from(signed), key, Buffer.from(one.slice(4), "base64"));
  if (!signatures.some(isGood)) throw new Error("no matching signature found");
  return JSON.parse(body);
}

const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  let answer;
  try {
    const payload = secret.startsWith("whpk_")
      ? byPublicKey(secret, headers, body)
      : new Webhook(secret).verify(body, headers);
    answer = { payload };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
