//! Azurite, the storage emulator: real Blob, Queue and Table Storage protocols on free ports.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tempfile::TempDir;
use url::Url;

use crate::{install_crypto, node};

/// The emulator's only account.
pub const ACCOUNT: &str = "devstoreaccount1";

/// The key of that account: the same in every emulator, printed in its public documentation.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How long an emulator that [keeps files](Azurite::start_on_files) takes at most to save what it
/// acknowledged, on a busy machine.
pub const SAVES_WITHIN: Duration = Duration::from_millis(500);

/// How long a start may take; 2 seconds are usual.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator; it ends with this value.
///
/// Starting one takes about two seconds and 120 MB, so a test file starts one and gives each test
/// its own container.
#[derive(Debug)]
pub struct Azurite {
    process: Child,
    blob_port: u16,
    queue_port: u16,
    table_port: u16,
    files: Option<TempDir>,
}

impl Azurite {
    /// Starts an emulator on free ports that keeps everything in memory, and waits until it listens
    /// on all of them.
    ///
    /// Also installs the TLS provider that the Azure SDK wants.
    ///
    /// # Panics
    ///
    /// If it does not start; ask [`node::available`] first.
    pub fn start() -> Self {
        // Port 0 lets the system choose, so two emulators never fight over a port.
        Self::launch([0, 0, 0], None)
    }

    /// The same, keeping everything in files, so that it can be [killed](Self::kill_and_restart).
    ///
    /// The emulator acknowledges writes before it saves them, usually every five seconds; what it
    /// took since is lost when it is killed, as in no real storage account. Here it saves every
    /// [`SAVES_WITHIN`], and a test that kills it leaves it alone for that long first.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_on_files() -> Self {
        let files = tempfile::tempdir().expect("a temporary directory can be made");
        Self::launch([0, 0, 0], Some(files))
    }

    /// Ends the emulator with SIGKILL and starts it again with the same ports and files.
    ///
    /// # Panics
    ///
    /// If it keeps no files, or does not start again.
    pub fn kill_and_restart(&mut self) {
        let files = self.files.take().expect("it keeps files");
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        *self = Self::launch(
            [self.blob_port, self.queue_port, self.table_port],
            Some(files),
        );
    }

    fn launch([blob, queue, table]: [u16; 3], files: Option<TempDir>) -> Self {
        install_crypto();
        let mut command = node::command(&node::module("azurite/dist/src/azurite.js"));
        match &files {
            Some(files) => {
                let saves_soon = node::directory().join("node/azurite_saves_soon.cjs");
                command.env(
                    "NODE_OPTIONS",
                    format!("--require {}", saves_soon.display()),
                );
                command.arg("--location").arg(files.path());
            }
            None => {
                command.args(["--inMemoryPersistence", "--extentMemoryLimit", "1024"]);
            }
        }
        let mut process = command
            .args(["--blobHost", "127.0.0.1", "--blobPort", &blob.to_string()])
            .args([
                "--queueHost",
                "127.0.0.1",
                "--queuePort",
                &queue.to_string(),
            ])
            .args([
                "--tableHost",
                "127.0.0.1",
                "--tablePort",
                &table.to_string(),
            ])
            // The SDK may speak a newer version than the emulator knows.
            .args(["--skipApiVersionCheck", "--silent", "--disableTelemetry"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("node::available() said that node runs");
        let output = process.stdout.take().expect("the output is piped");
        // Built at once, so that a panic below ends the process.
        let mut azurite = Self {
            process,
            blob_port: 0,
            queue_port: 0,
            table_port: 0,
            files,
        };
        let lines = lines_of(output);
        while azurite.blob_port == 0 || azurite.queue_port == 0 || azurite.table_port == 0 {
            let line = lines
                .recv_timeout(PATIENCE)
                .expect("azurite starts and says where it listens");
            let Some((service, address)) =
                line.split_once(" service is successfully listening at ")
            else {
                continue;
            };
            let port = address
                .trim()
                .rsplit(':')
                .next()
                .and_then(|port| port.parse().ok());
            let port = port.unwrap_or_else(|| panic!("no port in {line:?}"));
            match service {
                "Azurite Blob" => azurite.blob_port = port,
                "Azurite Queue" => azurite.queue_port = port,
                "Azurite Table" => azurite.table_port = port,
                other => panic!("unknown service {other:?}"),
            }
        }
        azurite
    }

    /// The address it listens on.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The port of the blob service.
    pub fn blob_port(&self) -> u16 {
        self.blob_port
    }

    /// The port of the queue service.
    pub fn queue_port(&self) -> u16 {
        self.queue_port
    }

    /// The port of the table service.
    pub fn table_port(&self) -> u16 {
        self.table_port
    }

    /// The URL of a container (which need not exist), with a signature for everything.
    ///
    /// To put a proxy in between, give the URL the proxy's port: the signature covers no host.
    pub fn blob_container_url(&self, container: &str) -> Url {
        service_url(self.blob_port, &format!("/{container}"), &sas("rwdlacup"))
    }

    /// The URL of the blob service, with a signature for everything.
    pub fn blob_service_url(&self) -> Url {
        service_url(self.blob_port, "", &sas("rwdlacup"))
    }

    /// The URL of the queue service, with a signature for everything.
    pub fn queue_service_url(&self) -> Url {
        service_url(self.queue_port, "", &sas("rwdlacup"))
    }

    /// As [`blob_container_url`](Self::blob_container_url), with a signature for reading only.
    pub fn read_only_container_url(&self, container: &str) -> Url {
        service_url(self.blob_port, &format!("/{container}"), &sas("rl"))
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to save in memory.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of `output` as they come, read to the end so that the writer never blocks.
fn lines_of(output: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens anymore once it has started.
            let _ = sender.send(line);
        }
    });
    lines
}

fn service_url(port: u16, path: &str, sas: &str) -> Url {
    let url = format!("http://127.0.0.1:{port}/{ACCOUNT}{path}?{sas}");
    url.parse().expect("host, port and account make a URL")
}

/// An account SAS for all services and resource types; see "Create an account SAS" in the
/// documentation of Azure Storage.
fn sas(permissions: &str) -> String {
    let (version, services, resource_types, protocol) = ("2022-11-02", "bqt", "sco", "https,http");
    // The emulator's clock is ours, and its data dies with it: no reason to expire.
    let expiry = "2999-01-01T00:00:00Z";
    // Empty lines: start, address range, and (at the end) encryption scope.
    let to_sign = format!(
        "{ACCOUNT}\n{permissions}\n{services}\n{resource_types}\n\n{expiry}\n\n{protocol}\n{version}\n\n"
    );
    let key = BASE64_STANDARD
        .decode(KEY)
        .expect("the emulator's key is base64");
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    hmac.update(to_sign.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac.finalize().into_bytes());
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("sv", version)
        .append_pair("ss", services)
        .append_pair("srt", resource_types)
        .append_pair("sp", permissions)
        .append_pair("se", expiry)
        .append_pair("spr", protocol)
        .append_pair("sig", &signature)
        .finish()
}
