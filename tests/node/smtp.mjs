// A mail server that does what it is told: the real protocol by npm smtp-server, the received mail
// read back by npm mailparser.
//
// Started with one argument, JSON: {mode, tls: "starttls" | "implicit" | "none", cert, key,
// username, password}. Writes lines to standard output: first {"port": n}, then one per event.

import { readFileSync } from "node:fs";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

const options = JSON.parse(process.argv[2]);
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });
const seen = new Set();

const server = new SMTPServer({
  secure: options.tls === "implicit",
  cert: readFileSync(options.cert),
  key: readFileSync(options.key),
  hideSTARTTLS: options.tls === "none",
  hideENHANCEDSTATUSCODES: true,
  authMethods: ["PLAIN", "LOGIN"],
  // Names and passwords never travel in the clear.
  allowInsecureAuth: false,
  logger: false,
  disableReverseLookup: true,
  closeTimeout: 100,

  onConnect(session, callback) {
    if (options.mode === "busy") return callback(refusal(421, "4.3.2 try later"));
    if (options.mode === "no-service") return callback(refusal(554, "5.3.2 no service"));
    callback();
  },
  onAuth(auth, session, callback) {
    say({ event: "login", method: auth.method, secure: session.secure });
    if (options.mode === "basic-off") {
      return callback(refusal(550, "5.7.30 Basic authentication is not supported"));
    }
    if (auth.username !== options.username || auth.password !== options.password) {
      return callback(refusal(535, "5.7.8 wrong name or password"));
    }
    callback(null, { user: auth.username });
  },
  onMailFrom(address, session, callback) {
    if (options.mode === "refuse-sender") return callback(refusal(550, "5.7.60 not allowed to send as this"));
    callback();
  },
  onRcptTo(address, session, callback) {
    if (options.mode === "refuse-recipient" || address.address.startsWith("nobody@")) {
      return callback(refusal(550, "5.1.1 no such user"));
    }
    if (options.mode === "greylist" && !seen.has(address.address)) {
      seen.add(address.address);
      return callback(refusal(451, "4.7.1 come back in five minutes"));
    }
    callback();
  },
  onData(stream, session, callback) {
    const connection = [...server.connections].find((one) => one.id === session.id);
    if (options.mode === "cut-at-data") {
      // Before the server has said "go ahead".
      connection._socket.destroy();
      return;
    }
    const pieces = [];
    stream.on("data", (piece) => {
      pieces.push(piece);
      if (options.mode === "cut-in-mail") connection._socket.destroy();
    });
    stream.on("end", async () => {
      const raw = Buffer.concat(pieces);
      if (options.mode !== "cut-in-mail") await received(raw, session);
      switch (options.mode) {
        case "refuse-mail":
          return callback(refusal(554, "5.7.1 looks like spam to owner@contoso.example"));
        case "small":
          return raw.length > 20000 ? callback(refusal(552, "5.3.4 too large")) : callback(null, "2.0.0 taken");
        case "too-large":
          return callback(refusal(552, "5.3.4 too large"));
        case "hang-after-dot":
          return;
        case "cut-after-dot":
          return connection._socket.destroy();
        case "cut-in-mail":
          return;
        case "slow":
          return setTimeout(() => callback(null, "2.0.0 taken at last"), 700);
        case "odd":
          // A number that the client's library takes for success.
          return connection._socket.write("354 go on\r\n");
        default:
          return callback(null, "2.0.0 queued as 4711");
      }
    });
  },
});

async function received(raw, session) {
  const mail = await simpleParser(raw);
  say({
    event: "mail",
    from: session.envelope.mailFrom.address,
    to: session.envelope.rcptTo.map((one) => one.address),
    secure: session.secure,
    user: session.user ?? null,
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    messageId: mail.messageId,
    inReplyTo: mail.inReplyTo ?? null,
    references: [mail.references ?? []].flat(),
    date: mail.date,
    sender: mail.from.value,
    recipients: mail.to.value,
    headers: mail.headerLines.map((one) => one.line),
    attachments: mail.attachments.length,
    bytes: raw.length,
    longestLine: Math.max(...raw.toString("latin1").split("\r\n").map((line) => line.length)),
    bareLineFeeds: /[^\r]\n/.test(raw.toString("latin1")),
  });
}

// Broken connections are what some modes are about.
server.on("error", (error) => say({ event: "error", code: error.code ?? error.message }));
server.listen(0, "127.0.0.1", () => say({ port: server.server.address().port }));
