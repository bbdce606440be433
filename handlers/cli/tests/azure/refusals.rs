//! What is refused, wrong or not whole, and where the defaults come from.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use azure_sandbox::{Denial, Fault, Mishap, Wait};
use serde_json::{Value, json};

use crate::support::{DAYS, Sandbox, code, spendwatch, stderr, stdout};

#[test]
fn refusals_say_what_to_do() {
    let sandbox = Sandbox::new("enterprise");
    let scope = sandbox.subscription();
    let asked = [&["usage", "--scope", &scope][..], &DAYS].concat();
    let mut command = sandbox.command(&asked);
    let output = command.env("IDENTITY_HEADER", "hunter2").output().unwrap();
    code(&output, 1);
    assert!(stderr(&output).contains("no token to sign in with"));
    assert!(!stderr(&output).contains("hunter2"));
    assert_eq!(stdout(&output), "");

    let unknown = "/subscriptions/00000000-0000-0000-0000-000000000000";
    let output = sandbox.run(&[&["usage", "--scope", unknown][..], &DAYS].concat());
    code(&output, 1);
    assert!(
        stderr(&output).contains("the id is wrong"),
        "{}",
        stderr(&output)
    );
    let output = sandbox.run(&["balance", "--scope", &scope]);
    code(&output, 2);
    assert!(stderr(&output).contains("for a billing account, not for a subscription"));

    let denied = Sandbox::with("enterprise", |options| {
        options.denials = vec![Denial {
            scope: scope.clone(),
            may_read: false,
        }];
    });
    let output = denied.run(&asked);
    code(&output, 1);
    let said = stderr(&output);
    assert!(
        said.contains(&format!("Cost Management Reader on {scope}")),
        "{said}"
    );

    let throttled = Sandbox::with("enterprise", |options| {
        let header = "x-ms-ratelimit-microsoft.consumption-retry-after";
        options.faults.0 = vec![Fault::throttled(header, Wait::Seconds(3600))];
    });
    let output = throttled.run(&asked);
    code(&output, 1);
    assert_eq!(stdout(&output), "", "throttled is not empty");
    assert!(
        stderr(&output).contains("throttled until 20"),
        "{}",
        stderr(&output)
    );
}

/// A stand-in for the place of tokens, which gives every caller a page for people.
fn pages_for_people(status: &str) -> String {
    let page = "<!DOCTYPE html><html><body>Proxy</body></html>";
    format!("{}/msi/token", always(status, "text/html", page))
}

/// A server that gives everybody the same answer.
fn always(status: &str, media_type: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn rows_of_an_unknown_kind_make_the_total_a_failure() {
    let subscription = "cb19a59e-9d05-4c18-ae1a-2d33f2a0af56";
    let known = json!({
        "id": "a",
        "kind": "legacy",
        "properties": {
            "date": "2026-11-02T00:00:00.0000000Z",
            "cost": 12.5,
            "billingCurrency": "EUR",
            "subscriptionId": subscription,
            "resourceGroup": "shop",
            "chargeType": "Usage",
        },
    });
    let unknown = json!({"id": "b", "kind": "postmodern", "properties": {"cost": 100}});
    let page = json!({"value": [known, unknown]}).to_string();
    let endpoint = always("200 OK", "application/json", &page);
    let folder = tempfile::tempdir().unwrap();
    let scope = format!("/subscriptions/{subscription}");
    for by in [&[][..], &["--by", "day"]] {
        let output = spendwatch(folder.path())
            .args(["azure", "usage", "--scope", &scope, "--endpoint", &endpoint])
            .args(["--auth", "none"])
            .args(DAYS)
            .args(by)
            .output()
            .unwrap();
        code(&output, 1);
        // What is known is shown.
        assert!(stdout(&output).contains("EUR 12.50"), "{}", stdout(&output));
        let said = stderr(&output);
        assert!(
            said.contains("item 2 of page 1 is of an unknown kind (postmodern)"),
            "{said}"
        );
        assert!(
            said.contains("1 item of an unknown kind is left out"),
            "{said}"
        );
    }
}

#[test]
fn a_page_instead_of_a_token_is_told_in_words() {
    let sandbox = Sandbox::new("enterprise");
    let scope = sandbox.subscription();
    for (status, says) in [
        ("403 Forbidden", "a page for people, not for programs"),
        ("200 OK", "the answer is not JSON"),
    ] {
        let mut command = sandbox.command(&["tags", "--scope", &scope]);
        command.env("IDENTITY_ENDPOINT", pages_for_people(status));
        let output = command.output().unwrap();
        code(&output, 1);
        let said = stderr(&output);
        assert!(said.contains(says), "{said}");
        assert!(!said.contains('<') && !said.contains("line 1"), "{said}");
    }
}

#[test]
fn what_could_not_be_read_whole_does_not_look_whole() {
    let sandbox = Sandbox::with("enterprise", |options| {
        options.page_rows = 50;
        let refused = Mishap::Refused {
            status: 403,
            code: "RBACAccessDenied".to_owned(),
        };
        options.faults.0 = vec![Fault::new(refused).of("UsageDetails_List").after(1)];
    });
    let scope = sandbox.subscription();
    let asked = [&["usage", "--scope", &scope, "-o", "json"][..], &DAYS].concat();
    let output = sandbox.run(&asked);
    code(&output, 1);
    assert!(stderr(&output).contains("only 50 rows could be read, not all"));
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_err());
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let sandbox = Sandbox::new("example");
    let scope = sandbox.subscription();
    let account = sandbox.account();
    let department = format!("{account}/departments/1");
    let group = format!("{scope}/resourceGroups/shop-prod");
    let profile = "/providers/Microsoft.Billing/billingAccounts/1:2/billingProfiles/P";
    for (arguments, says) in [
        (&["usage"][..], "--scope is missing"),
        (&["usage", "--scope", "here"], "/subscriptions/{guid}"),
        (
            &[
                "usage",
                "--from",
                "2026-11-02",
                "--to",
                "2026-11-01",
                "--scope",
                &scope,
            ],
            "lies after",
        ),
        (&["usage", "--by", "mood", "--scope", &scope], "mood"),
        (
            &["balance", "--lots", "--events", "--scope", &scope],
            "cannot be used with",
        ),
        (
            &["invoices", "--download", "G1", "--scope", &scope],
            "--file",
        ),
        (
            &["usage", "--scope", "/subscriptions/shop"],
            "`shop` is no id of a subscription: expected a GUID",
        ),
        (
            &["usage", "--limit", "-1", "--scope", &scope],
            "or 0 for all",
        ),
        (
            &["usage", "--limit", "x", "--scope", &scope],
            "or 0 for all",
        ),
        (
            &["balance", "--period", "2026-11", "--scope", &account],
            "such as 202611",
        ),
        (
            &["prices", "--period", "202613", "--scope", &account],
            "such as 202611",
        ),
        (&["costs", "--by", "mood", "--scope", &scope], "tag:NAME"),
        (
            &["costs", "--by", "tag:", "--scope", &scope],
            "expected the name of a tag",
        ),
        (
            &["costs", "--by", "resource", "--scope", &account],
            "at a subscription or resource group only",
        ),
        (
            &["dimensions", "--only", "mood", "--scope", &scope],
            "BillingMonth",
        ),
        (
            &["charges", "--by", "customer", "--scope", &department],
            "is a department",
        ),
        (
            &[
                "report",
                "--from",
                "2026-09-01",
                "--to",
                "2026-10-01",
                "--scope",
                &scope,
            ],
            "longer than a month",
        ),
        (
            &["report", "--folder", "made", "--scope", &group],
            "Azure makes no report of a resource group",
        ),
        (
            &["usage", "--auth", "foo", "--scope", &scope],
            "[possible values: auto, managed-identity, workload-identity, client-secret, \
             client-certificate, azure-cli, developer-tools, none]",
        ),
        (
            &["prices", "--scope", &department],
            "there is no price sheet of a department",
        ),
        (
            &["mails", "--private", "--scope", &scope],
            "leave --scope out",
        ),
        (
            &["prices", "--period", "202610", "--scope", profile],
            "is for an Enterprise billing account",
        ),
        (
            &["prices", "--save", "x.csv", "--scope", &scope],
            "comes page by page",
        ),
        (
            &["prices", "--invoice", "G1", "--scope", &account],
            "--invoice is for a billing profile",
        ),
        (
            &[
                "prices",
                "--scope",
                "/providers/Microsoft.Billing/billingAccounts/1:2",
            ],
            "azure billing profiles",
        ),
    ] {
        let output = sandbox.run(arguments);
        code(&output, 2);
        assert!(
            stderr(&output).contains(says),
            "{says} in {}",
            stderr(&output)
        );
    }
    let output = sandbox.run(&["report", "--folder", "made", "--scope", &group]);
    assert!(
        !stderr(&output).contains("takes some minutes"),
        "refused before it is begun"
    );
    assert!(!sandbox.folder.path().join("made").exists());
    let asked = sandbox.control("GET", "/sandbox/requests");
    assert!(!asked.contains("Token_Get"), "nothing is sent: {asked}");
    let output = sandbox.run(&["charges", "--by", "customer", "--scope", &department]);
    assert!(stderr(&output).contains("Usage: spendwatch azure charges [OPTIONS]"));
    let output = spendwatch(sandbox.folder.path())
        .args([
            "azure",
            "tags",
            "--scope",
            &scope,
            "--endpoint",
            "http://10.0.0.1/?sig=hunter2",
        ])
        .output()
        .unwrap();
    code(&output, 2);
    assert!(!stderr(&output).contains("hunter2"));
}

#[test]
fn every_command_has_help() {
    let folder = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| {
        let output = spendwatch(folder.path())
            .args(words)
            .arg("--help")
            .output()
            .unwrap();
        code(&output, 0);
        stdout(&output)
    };
    let all = help(&["azure"]);
    for name in [
        "usage",
        "costs",
        "forecast",
        "marketplace",
        "prices",
        "invoices",
        "billing",
        "reservations",
        "balance",
        "charges",
        "tags",
        "dimensions",
        "budgets",
        "alerts",
        "exports",
        "report",
        "quantities",
        "mails",
    ] {
        assert!(all.contains(&format!("\n  {name} ")), "{name} in {all}");
        assert!(help(&["azure", name]).contains("--scope"), "{name}");
    }
    assert!(help(&["sandbox"]).contains("--scenario"));
    let usage = help(&["azure", "usage"]);
    assert!(
        usage.contains("client-certificate") && usage.contains("none"),
        "{usage}"
    );
}

#[test]
fn a_configuration_says_whom_to_ask_and_about_what() {
    let sandbox = Sandbox::new("enterprise");
    let config = format!(
        "version = 1\ncurrency = \"EUR\"\n\
         source = {{ kind = \"azure\", endpoint = \"{}\", auth = \"managed-identity\" }}\n\
         [[budget]]\nid = \"shop\"\namount = 1000\nscopes = [\"{}\"]\n\
         thresholds = [\"actual 80%\"]\nnotify = [\"ops\"]\n\
         [channel.ops]\nkind = \"teams\"\nurl = {{ secret = \"TEAMS\" }}\n",
        sandbox.base,
        sandbox.subscription()
    );
    std::fs::write(sandbox.folder.path().join("spendwatch.toml"), config).unwrap();
    let output = spendwatch(sandbox.folder.path())
        .args(["azure", "tags", "-o", "json"])
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", sandbox.base))
        .env("IDENTITY_HEADER", "sandbox-identity")
        .output()
        .unwrap();
    code(&output, 0);
    assert!(stdout(&output).contains("\"shop\""), "{}", stdout(&output));
    // The configured subscription has no balance.
    let output = sandbox.run(&["balance"]);
    code(&output, 2);
    assert!(stderr(&output).contains("/providers/Microsoft.Billing/billingAccounts/"));
}
