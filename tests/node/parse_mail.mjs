// Reads a mail from a file, as npm mailparser understands it, and writes it as JSON: what a reader gets.

import { readFileSync } from "node:fs";
import { simpleParser } from "mailparser";

const raw = readFileSync(process.argv[2]);
const mail = await simpleParser(raw, { skipImageLinks: true });
process.stdout.write(
  JSON.stringify({
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    attachments: mail.attachments.map((one) => ({
      type: one.contentType,
      cid: one.cid,
      name: one.filename,
      disposition: one.contentDisposition,
      related: one.related,
      content: one.content.toString("base64"),
    })),
  }),
);
