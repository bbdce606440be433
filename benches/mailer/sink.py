"""A mail server that notes what it takes, and may be away for a while.

One line of JSON for each mail on standard output: when, to whom, how large, and whether it says that
it may be a duplicate. With --away-after it closes its port and all connections after that many mails, for
--away-for seconds, and then goes on. It asks for STARTTLS.
"""

import argparse
import asyncio
import email
import json
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP


class Sink:
    def __init__(self, away_after, away_for):
        self.away_after, self.away_for = away_after, away_for
        self.taken = 0
        self.leave = asyncio.Event()

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        plain = next(part for part in mail.walk() if part.get_content_maintype() == "text")
        text = plain.get_payload(decode=True) or b""
        for recipient in envelope.rcpt_tos:
            said = {
                "at": time.time(),
                "to": recipient,
                "bytes": len(envelope.content),
                "marked": b"ossible duplicate" in text,
            }
            sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        self.taken += 1
        if self.taken == self.away_after:
            self.leave.set()
        return "250 2.0.0 queued"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--away-after", type=int)
    parser.add_argument("--away-for", type=float, default=60)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    sink = Sink(options.away_after, options.away_for)
    talks = []

    def talk():
        one = SMTP(sink, require_starttls=True, tls_context=context, hostname="localhost")
        talks.append(one)
        return one

    loop = asyncio.get_running_loop()
    # aiosmtpd starts TLS on an existing connection, and reports connections that go away in logs.
    serve = lambda: loop.create_server(talk, "127.0.0.1", options.port, backlog=256)
    server = await serve()
    print(json.dumps({"listening": options.port}), flush=True)
    if options.away_after:
        await sink.leave.wait()
        # The answer to the last mail is still on its way.
        await asyncio.sleep(0.05)
        server.close()
        for one in talks:
            if one.transport:
                one.transport.abort()
        print(json.dumps({"away": time.time()}), flush=True)
        await asyncio.sleep(options.away_for)
        server = await serve()
        print(json.dumps({"back": time.time()}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
