//! What `cargo xtask package` makes, as a deployment would get it.

use std::process::{Child, Command, Stdio};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tests::{packaged, python};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::*;

/// What another program finds in an archive.
fn listed(archive: &Path) -> Vec<Value> {
    let output = python::command("read_package.py")
        .arg(archive)
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Check 49: `host.json` at the root, and the bits and times that a deployment keeps.
#[test]
fn the_zip_holds_the_staged_app_with_its_modes() {
    if !python::available("the package as Python reads it") {
        return;
    }
    let folder = packaged::app();
    let entries = listed(&folder.join("spendwatch-functions.zip"));
    let names: Vec<&str> = entries
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    let mut expected: Vec<String> = function_app::NAMES
        .iter()
        .map(|function| format!("{function}/function.json"))
        .chain(["host.json", "spendwatch-functions"].map(str::to_owned))
        .chain(["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-LICENSES"].map(str::to_owned))
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    for entry in &entries {
        let name = entry["name"].as_str().unwrap();
        let mode = match name {
            "spendwatch-functions" => "0o100755",
            _ => "0o100644",
        };
        assert_eq!(entry["mode"], mode, "{name}");
        assert_eq!(entry["system"], 3, "{name}");
        assert_eq!(entry["time"], json!([1980, 1, 1, 0, 0, 0]), "{name}");
        let staged = folder.join("app").join(name);
        assert_eq!(entry["sha256"], sha256(&staged), "{name}");
        let permissions = fs::metadata(&staged).unwrap().permissions().mode();
        assert_eq!(format!("0o{permissions:o}"), mode, "{name}");
    }
}

#[test]
fn packing_again_gives_the_same_bytes_and_their_hash_lies_beside_them() {
    let again = packaged::made("package");
    let name = "spendwatch-functions.zip";
    let hash = sha256(&packaged::app().join(name));
    assert_eq!(sha256(&again.path().join(name)), hash);
    let beside = fs::read_to_string(again.path().join(format!("{name}.sha256"))).unwrap();
    assert_eq!(beside, format!("{hash}  {name}\n"));
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').next().unwrap().to_owned()
}

#[test]
fn licenses_of_all_that_is_in_it_come_along() {
    let text = fs::read_to_string(packaged::app().join("app/THIRD-PARTY-LICENSES")).unwrap();
    for name in ["axum", "azure_core", "ring", "rustls", "tokio"] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        assert!(line.is_some_and(|line| line.contains("https://")), "{name}");
    }
    assert!(text.contains("Permission is hereby granted, free of charge"));
    assert!(
        text.contains("Copyright (c) Tokio Contributors"),
        "the holders are named"
    );
}

/// Check 50: what the zip holds starts where nothing but the kernel is, finds a name in `/etc/hosts`,
/// and trusts the authorities in `/etc/ssl/certs` and no other.
#[tokio::test]
async fn it_runs_where_nothing_else_is() {
    let unpacked = TempDir::new().unwrap();
    let archive = packaged::app().join("spendwatch-functions.zip");
    let archive = fs::File::open(archive).unwrap();
    // With the modes that it holds.
    let mut archive = zip::ZipArchive::new(archive).unwrap();
    archive.extract(unpacked.path()).unwrap();
    let executable = unpacked.path().join("spendwatch-functions");
    let output = Command::new("readelf")
        .args(["--file-header", "--program-headers", "--dynamic"])
        .arg(&executable)
        .output();
    // Part of binutils, which come with the linker on most machines.
    if let Ok(output) = output {
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Advanced Micro Devices X86-64"), "{text}");
        assert!(
            !text.contains("INTERP") && !text.contains("NEEDED"),
            "{text}"
        );
    }
    let hook = SecureHook::start().await;
    if let Some(told) = told_from_a_cage(&executable, &hook, &hook.other_authority).await {
        assert_eq!(told, 0, "nobody trusts that authority");
        let told = told_from_a_cage(&executable, &hook, &hook.authority).await;
        assert_eq!(told, Some(1));
    }
}

/// How often the hook is told of one crossing by an app that trusts this authority.
async fn told_from_a_cage(executable: &Path, hook: &SecureHook, authority: &str) -> Option<usize> {
    let scene = Scene::telling(&format!("https://hook.contoso.test:{}/hook", hook.port));
    let root = scene.root.path();
    fs::create_dir_all(root.join("etc/ssl/certs")).unwrap();
    fs::copy(executable, root.join("spendwatch-functions")).unwrap();
    fs::write(root.join("etc/hosts"), "127.0.0.1 hook.contoso.test\n").unwrap();
    fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), authority).unwrap();
    let settings = scene
        .settings()
        .with("SPENDWATCH_CONFIG", "/spendwatch.toml")
        .with("SPENDWATCH_STATE", "/state");
    let port = StdListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let caged = Caged::start(root, &settings, port)?;
    caged.answers(port).await;
    let app = AppFolder::at(executable.parent().unwrap());
    let host = FakeHost::attach(app, settings, port);
    is_well_formed(&host.timer("evaluate-budgets", TimerCall::default()).await);
    for _ in 0..2 {
        work_off(&host, &scene.state()).await;
        is_well_formed(&host.timer("sweep", TimerCall::default()).await);
    }
    Some(hook.told())
}

/// The packaged executable with this folder as its root.
struct Caged(Child);

impl Caged {
    /// None where this process may not do that: then it says so.
    fn start(root: &Path, settings: &Settings, port: u16) -> Option<Caged> {
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = match is_root {
            true => Command::new("chroot"),
            false => {
                let mut command = Command::new("unshare");
                command.args(["--map-root-user", "chroot"]);
                command
            }
        };
        let tried = Command::new(command.get_program())
            .args(command.get_args())
            .arg(root)
            .args(["/spendwatch-functions", "--version"])
            .stdout(Stdio::null())
            .status();
        if !tried.is_ok_and(|status| status.success()) {
            node::left_out(
                "the package in an empty folder",
                "chroot does not work here",
            );
            return None;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .arg(root)
            .arg("/spendwatch-functions")
            .env_clear()
            .env("PATH", path)
            .envs(settings.variables())
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .stdout(Stdio::null());
        Some(Caged(command.spawn().unwrap()))
    }

    async fn answers(&self, port: u16) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "it does not start"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Caged {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A destination by HTTPS that counts what it is told.
struct SecureHook {
    port: u16,
    told: Arc<Mutex<usize>>,
    /// The certificate that vouches for it, and one that does not, as PEM.
    authority: String,
    other_authority: String,
}

impl SecureHook {
    async fn start() -> SecureHook {
        tests::install_crypto();
        let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (own, other) = (made("hook.contoso.test"), made("other.contoso.test"));
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = SecureHook {
            port: listener.local_addr().unwrap().port(),
            told: Arc::default(),
            authority: own.cert.pem(),
            other_authority: other.cert.pem(),
        };
        let told = Arc::clone(&hook.told);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                // One read has the head of the request, which is all that counts here.
                let mut head = [0; 4096];
                if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    *told.lock().unwrap() += 1;
                    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        hook
    }

    fn told(&self) -> usize {
        *self.told.lock().unwrap()
    }
}
