"""The same work for spendwatch and for Cloud Custodian's mailer: alerts through to a mail server.

Run it by run.sh. Prints a table in Markdown; what was compared, and how, stands in README.md.
"""

import argparse
import base64
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib

HERE = pathlib.Path(__file__).parent
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def owner(number):
    return f"owner-{number:05}@contoso.example"


def certificate(folder):
    """A certificate for localhost, by the library that the stand-in for the queue brings along."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "key.pem").write_bytes(private)


class Sink:
    """The mail server as a process, and what it has said."""

    def __init__(self, folder, away_after=None, away_for=60):
        self.port = free_port()
        command = [sys.executable, HERE / "sink.py", "--port", str(self.port)]
        command += ["--cert", folder / "cert.pem", "--key", folder / "key.pem"]
        if away_after:
            command += ["--away-after", str(away_after), "--away-for", str(away_for)]
        self.log = open(folder / "sink.log", "wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        self.mails, self.listens = [], threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if not self.listens.wait(30):
            raise SystemExit("the mail server does not start; see sink.log")

    def read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "to" in said:
                self.mails.append(said)
            elif "listening" in said:
                self.listens.set()

    def distinct(self):
        return len({mail["to"] for mail in list(self.mails)})

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Result:
    def __init__(self, name, count, begun, sink, peak_kib, cpu):
        mails = list(sink.mails)
        self.name, self.count = name, count
        self.distinct = len({mail["to"] for mail in mails})
        self.duplicates = len(mails) - self.distinct
        self.marked = sum(mail["marked"] for mail in mails)
        self.seconds = mails[-1]["at"] - begun if mails else float("nan")
        span = mails[-1]["at"] - mails[0]["at"] if len(mails) > 1 else 0
        self.rate = (len(mails) - 1) / span if span else float("nan")
        self.first = mails[0]["at"] - begun if mails else float("nan")
        self.bytes = sum(mail["bytes"] for mail in mails) // max(1, len(mails))
        self.peak, self.cpu = peak_kib / 1024, cpu

    def row(self):
        return (
            f"| {self.name} | {self.distinct} | {self.count - self.distinct} "
            f"| {self.duplicates} ({self.marked} marked) | {self.first:.1f} | {self.seconds:.1f} "
            f"| {self.rate:.0f} | {self.cpu:.1f} | {self.peak:.0f} | {self.bytes / 1024:.1f} |"
        )


def spendwatch(program, folder, count, sink, patience):
    """1,000 budgets that all cross at once; one process evaluates and delivers."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    starts = (today - datetime.timedelta(days=60)).replace(day=1)
    rows = ["Date,SubscriptionId,ResourceGroup,MeterCategory,CostInBillingCurrency,BillingCurrencyCode"]
    for back in range(1, 21):
        day = today - datetime.timedelta(days=back)
        rows += [f"{day:%m/%d/%Y},{SUBSCRIPTION},g{n:05},Storage,60,EUR" for n in range(count)]
    (folder / "costs.csv").write_text("\n".join(rows) + "\n")
    text = f"""
version = 1
currency = "EUR"
[source]
kind = "files"
paths = ["costs.csv"]
[defaults]
grain = "annually"
thresholds = ["actual 100%"]
[alerts]
allowance = false
[channel.mail]
kind = "email"
smtp = "smtp://localhost:{sink.port}"
from = "Cost alerts <cost@contoso.example>"
ca_file = "cert.pem"
"""
    for number in range(count):
        text += f"""
[[budget]]
id = "b{number:05}"
scopes = ["/subscriptions/{SUBSCRIPTION}/resourceGroups/g{number:05}"]
amount = 1000
starts = {starts}
owners = ["{owner(number)}"]
"""
    (folder / "spendwatch.toml").write_text(text)
    command = [program, "serve", "--config", folder / "spendwatch.toml", "--state", folder / "state"]
    command += ["--listen", f"127.0.0.1:{free_port()}", "-v"]
    with open(folder / "spendwatch.log", "wb") as log:
        begun = time.time()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while sink.distinct() < count and time.time() - begun < patience:
            if process.poll() is not None:
                raise SystemExit(f"spendwatch ended early; see {log.name}")
            time.sleep(0.2)
        # What comes late would be a duplicate.
        time.sleep(5)
        process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return begun, usage


def custodian(folder, count, sink, patience):
    """1,000 messages as a policy's notify action queues them; the mailer runs until none is left."""
    import boto3

    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-west-1")
    port = free_port()
    with open(folder / "moto.log", "wb") as log:
        server = [pathlib.Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
        queue_service = subprocess.Popen(server, stdout=log, stderr=log)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        sqs = boto3.client("sqs", endpoint_url=endpoint)
        for _ in range(100):
            try:
                url = sqs.create_queue(QueueName="mailer")["QueueUrl"]
                break
            except Exception:
                time.sleep(0.2)
        for number in range(count):
            message = {
                "event": None,
                "account": "contoso",
                "account_id": "123456789012",
                "region": "eu-west-1",
                "execution_id": f"{number:05}",
                "execution_start": time.time(),
                "policy": {"name": f"b{number:05}", "resource": "ebs"},
                "action": {
                    "type": "notify",
                    "to": [owner(number)],
                    "template": "default.html",
                    "subject": f"b{number:05} has reached its amount",
                    "violation_desc": "The resource group has cost more than its amount.",
                    "action_desc": "Have a look at it.",
                },
                "resources": [{"VolumeId": f"vol-{number:08}", "Size": 1200, "Tags": []}],
            }
            body = base64.b64encode(zlib.compress(json.dumps(message).encode())).decode()
            sqs.send_message(
                QueueUrl=url,
                MessageBody=body,
                MessageAttributes={"mtype": {"DataType": "String", "StringValue": "maidmsg/1.0"}},
            )
        config = {
            "queue_url": url,
            "endpoint_url": endpoint,
            "region": "eu-west-1",
            "from_address": "cost@contoso.example",
            "smtp_server": "localhost",
            "smtp_port": sink.port,
            "smtp_ssl": True,
        }
        (folder / "mailer.yml").write_text(json.dumps(config))
        command = [pathlib.Path(sys.executable).parent / "c7n-mailer", "--run", "-c", folder / "mailer.yml"]
        begun, peak, cpu = time.time(), 0, 0.0
        left = count
        with open(folder / "mailer.log", "wb") as log:
            # As its schedule would: again while there is something in the queue.
            while left and time.time() - begun < patience:
                process = subprocess.Popen(command, stdout=log, stderr=log)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                if process.returncode:
                    raise SystemExit(f"the mailer failed; see {log.name}")
                peak = max(peak, usage.ru_maxrss)
                cpu += usage.ru_utime + usage.ru_stime
                states = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
                counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=states)["Attributes"]
                left = sum(int(value) for value in counts.values())
        # What a server that was away would get late.
        wait = begun + 75 - time.time()
        if sink.distinct() < count and wait > 0:
            time.sleep(wait)
        return begun, peak, cpu
    finally:
        queue_service.kill()
        queue_service.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spendwatch", required=True, help="the program")
    parser.add_argument("--count", type=int, default=1000, help="alerts; 1,000 if left out")
    parser.add_argument("--patience", type=float, default=900, help="seconds for one run")
    parser.add_argument("--work", default="target/mailer/work", help="folder for files and logs")
    parser.add_argument("--only", choices=["spendwatch", "custodian"], help="one of the two")
    options = parser.parse_args()
    program = pathlib.Path(options.spendwatch).resolve()
    results = []
    for title, away_after in [("server up", None), ("server away for a minute", options.count * 3 // 10)]:
        for name in ["spendwatch", "custodian"]:
            if options.only not in (None, name):
                continue
            folder = pathlib.Path(options.work).resolve() / f"{name}-{'away' if away_after else 'up'}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            certificate(folder)
            sink = Sink(folder, away_after)
            try:
                if name == "spendwatch":
                    begun, usage = spendwatch(program, folder, options.count, sink, options.patience)
                    peak, cpu = usage.ru_maxrss, usage.ru_utime + usage.ru_stime
                else:
                    begun, peak, cpu = custodian(folder, options.count, sink, options.patience)
                results.append(Result(f"{name}, {title}", options.count, begun, sink, peak, cpu))
                print(results[-1].row(), file=sys.stderr, flush=True)
            finally:
                sink.stop()
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
          f"Python {platform.python_version()}\n")
    print("| run | delivered | lost | duplicated | first mail (s) | last mail (s) | mails/s | CPU (s) | peak (MiB) | mail (KiB) |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for result in results:
        print(result.row())


if __name__ == "__main__":
    main()
