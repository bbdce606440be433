//! A directory of documents and queues, for laptops.
//!
//! ```text
//! <root>/documents/ledger/team-a/2026-11~doc   one document: a header line, then the bytes
//! <root>/queues/wake-ups/<id>~msg              one message: JSON
//! <root>/locks/0f                              locked while a key of this share is written
//! <root>/writing/0f                            the next content of such a key, until it is renamed
//! ```
//!
//! # Why it survives `kill -9`
//!
//! A file gets its name by one rename of a complete, flushed file, so a reader sees the old or the
//! new document and never half of one; that is also why readers take no lock. A writer holds the
//! lock of its key's share from the comparison of versions to the rename, across threads and
//! processes, and the system drops the lock with the process. The half-written file of a dead
//! writer has no document name, and the next writer of the same share (or the next
//! [`Local::open`]) removes it.
//!
//! The directory must be on a local file system: network file systems differ in what a lock means.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Cause, Clock, Document, Documents, Error, MAX_RECEIVE, Message, Queues, Result, Version,
    check_key, check_queue, check_text, key::check_prefix, system_clock, unix_millis,
    whole_seconds,
};

/// The end of a document's file name; `~` is in no key, so no directory can have this name.
const DOCUMENT_SUFFIX: &str = "~doc";
/// The end of a message's file name.
const MESSAGE_SUFFIX: &str = "~msg";
/// The first word of a document file, to recognize strangers and later formats.
const MAGIC: &str = "spendwatch-document-1";
/// Keys share this many locks. Few enough to never clean up, enough for the writers of a laptop.
const SHARES: u8 = 64;

/// Documents and queues in a directory; see the [module](self) for how.
///
/// ```
/// use state_store::{Documents, Local};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = Local::open(path)?;
/// store.create("holds/team-a", b"until Friday".to_vec()).await?;
/// assert_eq!(store.list("holds/").await?, ["holds/team-a"]);
/// # Ok::<(), state_store::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Local {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    clock: Clock,
}

impl Local {
    /// Opens the directory, making it (readable by its owner only) if it is missing.
    ///
    /// Also removes what writers that were killed left behind. Blocks on the file system.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        Self::open_with_clock(root, system_clock())
    }

    /// As [`open`](Self::open), going by `clock`; it decides when messages become visible.
    pub fn open_with_clock(root: impl AsRef<Path>, clock: Clock) -> Result<Self> {
        let root = root.as_ref();
        let open = || -> io::Result<PathBuf> {
            make_directories(root)?;
            // A link to the root is the user's choice; below it every link is refused.
            let root = root.canonicalize()?;
            for part in ["documents", "queues", "locks", "writing"] {
                make_directories(&root.join(part))?;
            }
            Ok(root)
        };
        let root = open().map_err(|error| file_error("open the state directory", error))?;
        let inner = Inner { root, clock };
        inner.sweep();
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The directory, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Runs blocking file work where it does not hold up other tasks.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(error) => Err(Error::Unavailable {
                operation: "finish file work".to_owned(),
                source: error.into(),
            }),
        }
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("root", &self.inner.root)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Documents for Local {
    async fn get(&self, key: &str) -> Result<Option<Document>> {
        check_key(key)?;
        let key = key.to_owned();
        self.blocking(move |inner| inner.read(&key)).await
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Version> {
        check_key(key)?;
        let key = key.to_owned();
        self.blocking(move |inner| {
            let share = inner.lock(&key)?;
            if inner.read(&key)?.is_some() {
                return Err(Error::Exists { key });
            }
            inner.write(&share, &key, &bytes)
        })
        .await
    }

    async fn replace(&self, key: &str, bytes: Vec<u8>, version: &Version) -> Result<Version> {
        check_key(key)?;
        let (key, version) = (key.to_owned(), version.clone());
        self.blocking(move |inner| {
            let share = inner.lock(&key)?;
            inner.expect_version(&key, &version)?;
            inner.write(&share, &key, &bytes)
        })
        .await
    }

    async fn delete(&self, key: &str, version: &Version) -> Result<()> {
        check_key(key)?;
        let (key, version) = (key.to_owned(), version.clone());
        self.blocking(move |inner| {
            let _share = inner.lock(&key)?;
            inner.expect_version(&key, &version)?;
            let path = inner.document_path(&key);
            // The directory stays: removing it could pull it from under a writer of a sibling.
            remove_durably(&path).map_err(|error| file_error(format!("delete {key}"), error))
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        check_prefix(prefix)?;
        let prefix = prefix.to_owned();
        self.blocking(move |inner| inner.list(&prefix)).await
    }
}

#[async_trait]
impl Queues for Local {
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<()> {
        check_queue(queue)?;
        check_text(queue, text)?;
        let (queue, text) = (queue.to_owned(), text.to_owned());
        self.blocking(move |inner| {
            let stored = StoredMessage {
                visible_at_ms: inner.now_ms().saturating_add(whole_seconds(delay) * 1000),
                dequeue_count: 0,
                receipt: String::new(),
                text,
            };
            let share = inner.lock_queue(&queue)?;
            inner.write_message(&share, &queue, &unique_name(), &stored)
        })
        .await
    }

    async fn receive(&self, queue: &str, max: usize, visibility: Duration) -> Result<Vec<Message>> {
        check_queue(queue)?;
        let queue = queue.to_owned();
        self.blocking(move |inner| inner.receive(&queue, max.min(MAX_RECEIVE), visibility))
            .await
    }

    async fn delete(&self, queue: &str, message: &Message) -> Result<()> {
        check_queue(queue)?;
        let (queue, message) = (queue.to_owned(), message.clone());
        self.blocking(move |inner| {
            let key = format!("{queue}/{}", message.id);
            // The id comes back from outside, so it is checked before it becomes a file name.
            if check_key(&message.id).is_err() || message.id.contains('/') {
                return Err(Error::Moved { key });
            }
            let _share = inner.lock_queue(&queue)?;
            let path = inner
                .queue_path(&queue)
                .join(format!("{}{MESSAGE_SUFFIX}", message.id));
            match inner.read_message(&path)? {
                Some(stored) if stored.receipt == message.receipt => remove_durably(&path)
                    .map_err(|error| file_error(format!("delete message {key}"), error)),
                _ => Err(Error::Moved { key }),
            }
        })
        .await
    }
}

/// A message as it lies in its file.
#[derive(Serialize, Deserialize)]
struct StoredMessage {
    /// Milliseconds since 1970, UTC.
    visible_at_ms: u64,
    dequeue_count: u32,
    /// The newest receipt; empty before the first delivery.
    receipt: String,
    text: String,
}

/// The held lock of one share, and the only file name its holder may write to.
struct Share {
    _lock: File,
    writing: PathBuf,
}

impl Inner {
    fn now_ms(&self) -> u64 {
        unix_millis((self.clock)())
    }

    fn document_path(&self, key: &str) -> PathBuf {
        self.root
            .join("documents")
            .join(format!("{}{DOCUMENT_SUFFIX}", encode_case(key)))
    }

    fn queue_path(&self, queue: &str) -> PathBuf {
        self.root.join("queues").join(queue)
    }

    /// Waits for the lock of a document's share.
    fn lock(&self, key: &str) -> Result<Share> {
        self.lock_share(share_of(key))
            .map_err(|error| file_error(format!("lock {key}"), error))
    }

    /// Waits for the lock of a queue's share.
    fn lock_queue(&self, queue: &str) -> Result<Share> {
        // Documents and queues may meet in one share; nobody holds two, so nobody waits in a ring.
        self.lock_share(share_of(queue))
            .map_err(|error| file_error(format!("lock queue {queue}"), error))
    }

    fn lock_share(&self, share: u8) -> io::Result<Share> {
        let lock = self.open_lock(share)?;
        lock.lock()?;
        Ok(Share {
            _lock: lock,
            writing: self.writing_path(share),
        })
    }

    fn open_lock(&self, share: u8) -> io::Result<File> {
        let path = self.root.join("locks").join(format!("{share:02x}"));
        refuse_link(&path)?;
        private(OpenOptions::new().create(true).truncate(false).write(true)).open(path)
    }

    fn writing_path(&self, share: u8) -> PathBuf {
        self.root.join("writing").join(format!("{share:02x}"))
    }

    /// Removes the unfinished files of writers that no longer live.
    fn sweep(&self) {
        for share in 0..SHARES {
            let writing = self.writing_path(share);
            if writing.symlink_metadata().is_err() {
                continue;
            }
            // A share that is locked has a living writer; a failure here only leaves a file behind.
            if let Ok(lock) = self.open_lock(share)
                && lock.try_lock().is_ok()
            {
                let _ = fs::remove_file(&writing);
            }
        }
    }

    fn read(&self, key: &str) -> Result<Option<Document>> {
        let path = self.document_path(key);
        let read = || -> io::Result<Option<Vec<u8>>> {
            self.refuse_links_to(&path)?;
            read_if_there(&path)
        };
        let Some(content) = read().map_err(|error| file_error(format!("read {key}"), error))?
        else {
            return Ok(None);
        };
        match decode(content) {
            Ok(document) => Ok(Some(document)),
            Err(reason) => Err(Error::Corrupt {
                key: key.to_owned(),
                source: reason.into(),
            }),
        }
    }

    fn expect_version(&self, key: &str, version: &Version) -> Result<()> {
        match self.read(key)? {
            Some(document) if document.version == *version => Ok(()),
            _ => Err(Error::Moved {
                key: key.to_owned(),
            }),
        }
    }

    fn write(&self, share: &Share, key: &str, bytes: &[u8]) -> Result<Version> {
        let version = Version(unique_name());
        let header = format!(
            "{MAGIC} {} {} {}\n",
            version.as_str(),
            bytes.len(),
            digest(bytes)
        );
        self.put(share, &self.document_path(key), &[header.as_bytes(), bytes])
            .map_err(|error| file_error(format!("write {key}"), error))?;
        Ok(version)
    }

    /// Puts a complete file at `path`: write aside, flush, rename, flush the directory.
    fn put(&self, share: &Share, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.root);
        self.refuse_links_to(path)?;
        make_directories(directory)?;
        // What lies there is of a dead writer: its share is ours now.
        match fs::remove_file(&share.writing) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            private(OpenOptions::new().create_new(true).write(true)).open(&share.writing)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&share.writing, path)?;
        sync_directory(directory)
    }

    /// Refuses a path that a symbolic link below the root could lead elsewhere.
    fn refuse_links_to(&self, path: &Path) -> io::Result<()> {
        let inside = path
            .ancestors()
            .take_while(|ancestor| *ancestor != self.root);
        inside.into_iter().try_for_each(refuse_link)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let list_failed = |error| file_error(format!("list {prefix:?}"), error);
        let documents = self.root.join("documents");
        // Only the deepest whole directory of the prefix can hold matches.
        let (start, parent) = match prefix.rfind('/') {
            Some(end) => (
                documents.join(encode_case(&prefix[..end])),
                prefix[..=end].to_owned(),
            ),
            None => (documents, String::new()),
        };
        self.refuse_links_to(&start).map_err(list_failed)?;
        let mut keys = Vec::new();
        let mut waiting = vec![(start, parent)];
        while let Some((directory, parent)) = waiting.pop() {
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(list_failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(list_failed)?;
                let kind = entry.file_type().map_err(list_failed)?;
                let name = entry.file_name();
                // A name that is not ours (an editor's backup, .DS_Store) is nobody's document.
                let Some(name) = name.to_str() else { continue };
                if kind.is_dir() {
                    let Some(segment) = decode_case(name) else {
                        continue;
                    };
                    let inner = format!("{parent}{segment}/");
                    if inner.starts_with(prefix) || prefix.starts_with(&inner) {
                        waiting.push((entry.path(), inner));
                    }
                } else if kind.is_file()
                    && let Some(segment) = name.strip_suffix(DOCUMENT_SUFFIX).and_then(decode_case)
                {
                    let key = format!("{parent}{segment}");
                    if key.starts_with(prefix) && check_key(&key).is_ok() {
                        keys.push(key);
                    }
                }
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn receive(&self, queue: &str, max: usize, visibility: Duration) -> Result<Vec<Message>> {
        let receive_failed = |error| file_error(format!("receive from queue {queue}"), error);
        let directory = self.queue_path(queue);
        self.refuse_links_to(&directory).map_err(receive_failed)?;
        let share = self.lock_queue(queue)?;
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(receive_failed(error)),
        };
        let now_ms = self.now_ms();
        let mut visible = Vec::new();
        for entry in entries {
            let name = entry.map_err(receive_failed)?.file_name();
            let Some(id) = name
                .to_str()
                .and_then(|name| name.strip_suffix(MESSAGE_SUFFIX))
            else {
                continue;
            };
            match self.read_message(&directory.join(&name)) {
                Ok(Some(stored)) if stored.visible_at_ms <= now_ms => {
                    visible.push((id.to_owned(), stored))
                }
                Ok(_) => {}
                // One spoiled file must not stop the queue.
                Err(error) => {
                    tracing::warn!(queue, message.id = id, %error, "skipped a message that cannot be read")
                }
            }
        }
        visible.sort_unstable_by(|(id, stored), (other_id, other)| {
            (stored.visible_at_ms, id).cmp(&(other.visible_at_ms, other_id))
        });
        visible.truncate(max);
        let hidden_until_ms = now_ms.saturating_add(whole_seconds(visibility).max(1) * 1000);
        let mut messages = Vec::with_capacity(visible.len());
        for (id, mut stored) in visible {
            stored.visible_at_ms = hidden_until_ms;
            stored.dequeue_count = stored.dequeue_count.saturating_add(1);
            stored.receipt = unique_name();
            self.write_message(&share, queue, &id, &stored)?;
            let StoredMessage {
                dequeue_count,
                receipt,
                text,
                ..
            } = stored;
            messages.push(Message {
                id,
                receipt,
                text,
                dequeue_count,
            });
        }
        Ok(messages)
    }

    fn write_message(
        &self,
        share: &Share,
        queue: &str,
        id: &str,
        stored: &StoredMessage,
    ) -> Result<()> {
        let path = self.queue_path(queue).join(format!("{id}{MESSAGE_SUFFIX}"));
        let write = || self.put(share, &path, &[&serde_json::to_vec(stored)?]);
        write().map_err(|error: io::Error| file_error(format!("write to queue {queue}"), error))
    }

    fn read_message(&self, path: &Path) -> Result<Option<StoredMessage>> {
        let read = || -> io::Result<Option<Vec<u8>>> {
            self.refuse_links_to(path)?;
            read_if_there(path)
        };
        let name = || {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let Some(content) =
            read().map_err(|error| file_error(format!("read message {}", name()), error))?
        else {
            return Ok(None);
        };
        serde_json::from_slice(&content)
            .map(Some)
            .map_err(|error| Error::Corrupt {
                key: name(),
                source: error.into(),
            })
    }
}

/// Splits a document file into header and bytes and checks one against the other.
fn decode(mut content: Vec<u8>) -> Result<Document, &'static str> {
    let end = content
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or("the file has no header line")?;
    let header = str::from_utf8(&content[..end]).map_err(|_| "the header is not text")?;
    let mut words = header.split(' ');
    if words.next() != Some(MAGIC) {
        return Err("the header is not ours");
    }
    let (Some(version), Some(length), Some(sum), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("the header is incomplete");
    };
    let (version, length, sum) = (
        Version::from(version),
        length.parse::<usize>(),
        sum.to_owned(),
    );
    content.drain(..=end);
    if length != Ok(content.len()) {
        return Err("the length is not the one in the header");
    }
    if digest(&content) != sum {
        return Err("the checksum is not the one in the header");
    }
    Ok(Document {
        bytes: content,
        version,
    })
}

/// A name no other call gives, in this process or another, now or after a restart.
///
/// Time sorts, the nonce separates processes (also if the clock is set back), the count separates
/// calls. Names of one process sort in the order they were given while its clock runs forward.
fn unique_name() -> String {
    static NONCE: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{:012x}-{count:06x}-{:016x}",
        unix_millis(SystemTime::now()),
        *NONCE
    )
}

/// The share of a key: spread evenly, and the same in every process.
fn share_of(key: &str) -> u8 {
    Sha256::digest(key.as_bytes())[0] % SHARES
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Writes `A` as `+a`, because file systems of laptops take `A` and `a` for one name.
fn encode_case(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 8);
    for character in key.chars() {
        if character.is_ascii_uppercase() {
            name.push('+');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

/// Undoes [`encode_case`]; `None` for a name that it never makes.
fn decode_case(name: &str) -> Option<String> {
    let mut segment = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '+' => segment.push(
                characters
                    .next()
                    .filter(char::is_ascii_lowercase)?
                    .to_ascii_uppercase(),
            ),
            'A'..='Z' => return None,
            other => segment.push(other),
        }
    }
    check_key(&segment).is_ok().then_some(segment)
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(Some(content))
}

fn remove_durably(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Makes a directory and those above it, and makes each new name outlive a power failure.
fn make_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_directories(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        // Another writer was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    sync_directory(parent.unwrap_or(Path::new(".")))
}

/// Flushes the names in a directory. Only Unix can open one; elsewhere a rename is enough.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}

fn refuse_link(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is a symbolic link", path.display()),
        )),
        _ => Ok(()),
    }
}

/// New files are for their owner only: they may name people and amounts.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn file_error(operation: impl Into<String>, error: io::Error) -> Error {
    let (operation, kind) = (operation.into(), error.kind());
    let source: Cause = error.into();
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::Unauthorized { operation, source }
        }
        io::ErrorKind::InvalidInput
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => Error::Refused { operation, source },
        _ => Error::Unavailable { operation, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_keep_case_apart_and_come_back() {
        for key in ["a", "A", "aB", "Team_A=x-1.json", "++".trim_matches('+')] {
            if key.is_empty() {
                continue;
            }
            let name = encode_case(key);
            assert!(
                !name.bytes().any(|byte| byte.is_ascii_uppercase()),
                "{name}"
            );
            assert_eq!(decode_case(&name).as_deref(), Some(key));
        }
        assert_ne!(encode_case("A"), encode_case("a"));
        for stranger in ["A", "+", "+A", "+1", ".DS_Store", "a~", "x.swp~", "a.", ""] {
            assert_eq!(decode_case(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn longest_segment_fits_a_file_name() {
        let longest = "A".repeat(crate::MAX_SEGMENT_BYTES);
        assert!(encode_case(&longest).len() + DOCUMENT_SUFFIX.len() <= 255);
    }

    #[test]
    fn damaged_files_are_told_from_whole_ones() {
        let whole = format!("{MAGIC} v1 3 {}\nabc", digest(b"abc"));
        assert_eq!(decode(whole.clone().into_bytes()).unwrap().bytes, b"abc");
        let cases = [
            String::new(),
            "abc".to_owned(),
            "\nabc".to_owned(),
            whole.replace("abc", "abd"),
            whole.replace("abc", "ab"),
            whole.replace(" 3 ", " "),
            whole.replace(MAGIC, "spendwatch-document-2"),
        ];
        for damaged in cases {
            assert!(decode(damaged.clone().into_bytes()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn unique_names_differ_and_sort() {
        let names: Vec<_> = (0..1000).map(|_| unique_name()).collect();
        assert!(names.is_sorted());
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
