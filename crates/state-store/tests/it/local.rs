use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use state_store::{
    Documents, Error, Local, Queues, Version,
    contract::{self, ManualClock},
    json,
};
use tempfile::TempDir;

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// All files below `root`, sorted.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_keep_the_contract() {
    let directory = directory();
    contract::documents(&Local::open(directory.path()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_keep_the_contract() {
    let (directory, clock) = (directory(), ManualClock::new());
    let store = Local::open_with_clock(directory.path(), clock.clock()).unwrap();
    contract::queues(&store, async |by| clock.advance(by)).await;
}

#[tokio::test]
async fn state_outlives_the_store() {
    let directory = directory();
    let root = directory.path().join("deep/state");
    let (version, receipt);
    {
        let store = Local::open(&root).unwrap();
        version = store
            .create("ledger/team-a", b"one".to_vec())
            .await
            .unwrap();
        store
            .send("wake-ups", "text", Duration::ZERO)
            .await
            .unwrap();
        receipt = store
            .receive("wake-ups", 1, Duration::from_secs(60))
            .await
            .unwrap()
            .remove(0);
    }
    let store = Local::open(&root).unwrap();
    assert_eq!(
        store.get("ledger/team-a").await.unwrap().unwrap().version,
        version
    );
    store
        .replace("ledger/team-a", b"two".to_vec(), &version)
        .await
        .unwrap();
    assert!(
        store
            .receive("wake-ups", 1, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
    Queues::delete(&store, "wake-ups", &receipt).await.unwrap();
}

#[tokio::test]
async fn unfinished_files_of_dead_writers_are_ignored_and_swept() {
    let directory = directory();
    let root = directory.path();
    let store = Local::open(root).unwrap();
    let version = store.create("a", b"whole".to_vec()).await.unwrap();
    for share in 0..64 {
        fs::write(root.join(format!("writing/{share:02x}")), b"half a docu").unwrap();
    }
    // An open store copes with them, and so does a write through the same file.
    assert_eq!(store.list("").await.unwrap(), ["a"]);
    let version = store
        .replace("a", b"still whole".to_vec(), &version)
        .await
        .unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().version, version);
    assert_eq!(files(&root.join("writing")).len(), 63);

    let store = Local::open(root).unwrap();
    assert_eq!(files(&root.join("writing")), Vec::<PathBuf>::new());
    assert_eq!(store.get("a").await.unwrap().unwrap().bytes, b"still whole");
}

#[tokio::test]
async fn damaged_document_is_reported_and_not_overwritten() {
    let directory = directory();
    let store = Local::open(directory.path()).unwrap();
    let version = store
        .create("a", b"a long enough text".to_vec())
        .await
        .unwrap();
    let path = directory.path().join("documents/a~doc");
    let mut content = fs::read(&path).unwrap();
    content.pop();
    fs::write(&path, &content).unwrap();

    assert!(matches!(store.get("a").await, Err(Error::Corrupt { key, .. }) if key == "a"));
    assert!(matches!(
        store.create("a", vec![]).await,
        Err(Error::Corrupt { .. })
    ));
    assert!(matches!(
        store.replace("a", vec![], &version).await,
        Err(Error::Corrupt { .. })
    ));
    assert!(matches!(
        Documents::delete(&store, "a", &version).await,
        Err(Error::Corrupt { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), content);
}

#[tokio::test]
async fn damaged_message_does_not_stop_the_queue() {
    let directory = directory();
    let store = Local::open(directory.path()).unwrap();
    store
        .send("wake-ups", "damaged", Duration::ZERO)
        .await
        .unwrap();
    fs::write(&files(&directory.path().join("queues"))[0], b"{").unwrap();
    store
        .send("wake-ups", "whole", Duration::ZERO)
        .await
        .unwrap();
    let messages = store
        .receive("wake-ups", 10, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        messages
            .iter()
            .map(|message| message.text.as_str())
            .collect::<Vec<_>>(),
        ["whole"]
    );
}

#[tokio::test]
async fn stray_files_are_nobodys_documents() {
    let directory = directory();
    let store = Local::open(directory.path()).unwrap();
    store.create("a/b", vec![]).await.unwrap();
    for stray in [
        ".DS_Store",
        "a/b~doc.swp",
        "a/B~doc",
        "a/notes.txt",
        "a/b.~doc",
        "a/~doc",
    ] {
        fs::write(directory.path().join("documents").join(stray), b"stray").unwrap();
    }
    fs::create_dir(directory.path().join("documents/Upper")).unwrap();
    assert_eq!(store.list("").await.unwrap(), ["a/b"]);
}

#[cfg(unix)]
#[tokio::test]
async fn everything_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let directory = directory();
    let root = directory.path().join("state");
    let store = Local::open(&root).unwrap();
    let version = store.create("a/b", vec![]).await.unwrap();
    store.replace("a/b", b"x".to_vec(), &version).await.unwrap();
    store
        .send("wake-ups", "text", Duration::ZERO)
        .await
        .unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let files = files(&root);
    assert!(files.len() >= 4, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
        assert_eq!(mode(file.parent().unwrap()), 0o700, "{}", file.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_lead_nowhere() {
    use std::os::unix::fs::symlink;

    let directory = directory();
    let (root, outside) = (
        directory.path().join("state"),
        directory.path().join("outside"),
    );
    let store = Local::open(&root).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret~doc"), b"secret").unwrap();
    symlink(&outside, root.join("documents/linked")).unwrap();
    symlink(outside.join("secret~doc"), root.join("documents/file~doc")).unwrap();
    symlink(&outside, root.join("queues/linked")).unwrap();
    let before = fs::read(outside.join("secret~doc")).unwrap();

    let version = Version::from("v");
    for key in ["linked/secret", "linked/new", "linked/deeper/new", "file"] {
        assert!(
            matches!(store.get(key).await, Err(Error::Refused { .. })),
            "{key}"
        );
        assert!(
            matches!(store.create(key, vec![]).await, Err(Error::Refused { .. })),
            "{key}"
        );
        assert!(
            matches!(
                store.replace(key, vec![], &version).await,
                Err(Error::Refused { .. })
            ),
            "{key}"
        );
        assert!(
            matches!(
                Documents::delete(&store, key, &version).await,
                Err(Error::Refused { .. })
            ),
            "{key}"
        );
    }
    assert!(matches!(
        store.send("linked", "text", Duration::ZERO).await,
        Err(Error::Refused { .. })
    ));
    assert!(matches!(
        store.receive("linked", 1, Duration::ZERO).await,
        Err(Error::Refused { .. })
    ));
    assert!(matches!(
        store.list("linked/").await,
        Err(Error::Refused { .. })
    ));
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    // A link put where a writer keeps its unfinished file is replaced, not followed.
    for share in 0..64 {
        symlink(
            outside.join("secret~doc"),
            root.join(format!("writing/{share:02x}")),
        )
        .unwrap();
    }
    store.create("safe", b"x".to_vec()).await.unwrap();
    Local::open(&root).unwrap();
    assert_eq!(fs::read(outside.join("secret~doc")).unwrap(), before);
    assert_eq!(files(&outside).len(), 1);
}

#[cfg(unix)]
#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, b"x").unwrap();
    let error = Local::open(file.join("state")).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

/// More adds than a child lives to see, but not so many that a forgotten one runs forever.
const MANY: u32 = 20_000;
const CHILD_ROOT: &str = "STATE_STORE_TEST_CHILD_ROOT";

/// Not a test by itself: the body of the child processes below.
#[tokio::test]
#[ignore = "run by other tests, in a process of its own"]
async fn child_adds_until_it_is_stopped() {
    let Some(root) = std::env::var_os(CHILD_ROOT) else {
        return;
    };
    let store = Local::open(root).unwrap();
    let adds: u32 = std::env::var("STATE_STORE_TEST_CHILD_ADDS")
        .unwrap()
        .parse()
        .unwrap();
    for _ in 0..adds {
        // Under contention one call may lose all its attempts; that is an answer, not a failure.
        while let Err(error) = json::update(&store, "shared/counter", |count: Option<&u64>| {
            Ok::<_, Error>(Some(count.copied().unwrap_or(0) + 1))
        })
        .await
        {
            assert!(matches!(error, Error::Moved { .. }), "{error:?}");
        }
        store
            .send("wake-ups", "text", Duration::ZERO)
            .await
            .unwrap();
        for message in store
            .receive("wake-ups", 4, Duration::from_secs(1))
            .await
            .unwrap()
        {
            let _ = Queues::delete(&store, "wake-ups", &message).await;
        }
    }
}

/// A child process, which does not outlive the test, whatever becomes of that.
struct Child(std::process::Child);

impl Child {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn child(root: &Path, adds: u32) -> Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "local::child_adds_until_it_is_stopped",
            "--ignored",
        ])
        .env(CHILD_ROOT, root)
        .env("STATE_STORE_TEST_CHILD_ADDS", adds.to_string())
        .stdout(Stdio::null())
        .spawn();
    Child(child.unwrap())
}

#[tokio::test]
async fn processes_do_not_lose_each_others_writes() {
    let directory = directory();
    let children: Vec<_> = (0..4).map(|_| child(directory.path(), 25)).collect();
    for mut child in children {
        assert!(child.0.wait().unwrap().success());
    }
    let store = Local::open(directory.path()).unwrap();
    assert_eq!(
        json::get::<u64>(&store, "shared/counter")
            .await
            .unwrap()
            .unwrap()
            .0,
        100
    );
}

#[tokio::test]
async fn killed_writers_leave_a_whole_store_that_only_grew() {
    let directory = directory();
    let store = Local::open(directory.path()).unwrap();
    let mut last = 0;
    for round in 0..12_u64 {
        let mut children = [child(directory.path(), MANY), child(directory.path(), MANY)];
        // Wait until they write, then let them run a little, differently each round.
        let started = Instant::now();
        loop {
            let count = json::get::<u64>(&store, "shared/counter")
                .await
                .unwrap()
                .map_or(0, |(count, _)| count);
            if count > last {
                break;
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the children write nothing"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(round * 1_700)).await;
        for child in &mut children {
            child.kill();
        }
        // Whole, and writable at once: the locks died with their holders.
        let (count, version) = json::get::<u64>(&store, "shared/counter")
            .await
            .unwrap()
            .unwrap();
        assert!(count > last);
        json::replace(&store, "shared/counter", &(count + 1), &version)
            .await
            .unwrap();
        last = count + 1;
        assert_eq!(store.list("").await.unwrap(), ["shared/counter"]);
        store.receive("wake-ups", 32, Duration::ZERO).await.unwrap();
    }
    Local::open(directory.path()).unwrap();
    assert_eq!(
        files(&directory.path().join("writing")),
        Vec::<PathBuf>::new()
    );
}
