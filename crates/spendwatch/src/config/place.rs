//! Where a configuration is kept, and whether it is still the one that was read.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, ensure};
use azure_cost::credentials::Auth;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use state_store::{Blob, Container};
use url::Url;

use super::texts_at;
use crate::environment::{Environment, cloud_of};

/// More than any configuration with its templates and calendars has, in bytes: what is larger is something
/// else.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The same in files.
const MAX_FILES: usize = 1_000;

/// Where a configuration is kept: a file, a folder, or a blob container of its own.
#[derive(Clone, PartialEq, Eq)]
pub enum ConfigPlace {
    /// A file, or a folder with `*.toml` files.
    Path(PathBuf),
    /// A blob container, whose blobs are read like the files of a folder. Its URL may carry a signature;
    /// without one the process signs in.
    Container(Url),
}

/// The files of a container at one moment.
pub(crate) struct Files(pub(crate) Vec<(String, Vec<u8>)>);

impl ConfigPlace {
    /// Reads what a setting or an option says: a URL of a container, or a path.
    ///
    /// # Errors
    /// When it looks like a URL and is none, or names no container. Never repeats the query of a URL.
    pub fn parse(text: &str) -> anyhow::Result<ConfigPlace> {
        if !text.contains("://") {
            return Ok(ConfigPlace::Path(text.into()));
        }
        let url = Url::parse(text).context("the place of the configuration is not a URL")?;
        ensure!(
            matches!(url.scheme(), "https" | "http"),
            "the place of the configuration begins with {}://, but a container is reached by https://, and a \
             file or folder is named without a scheme",
            url.scheme()
        );
        ensure!(
            !url.path().trim_matches('/').is_empty(),
            "the place of the configuration names no container: \
             https://ACCOUNT.blob.core.windows.net/CONTAINER"
        );
        Ok(ConfigPlace::Container(url))
    }

    /// What `SPENDWATCH_CONFIG` says; else the folder `config` of the package, or of the working folder.
    ///
    /// # Errors
    /// As [`ConfigPlace::parse`].
    pub fn from_environment(environment: &Environment) -> anyhow::Result<ConfigPlace> {
        if let Some(text) = environment.get("SPENDWATCH_CONFIG") {
            return ConfigPlace::parse(text).context("SPENDWATCH_CONFIG");
        }
        // Where the Functions host and AWS Lambda say that the package is.
        let roots = ["FUNCTIONS_APP_ROOT_PATH", "LAMBDA_TASK_ROOT"];
        let root = roots.iter().find_map(|name| environment.get(name));
        let root = root.unwrap_or(".");
        Ok(ConfigPlace::Path(Path::new(root).join("config")))
    }

    /// The container, signed in to.
    pub(crate) fn container(url: &Url, environment: &Environment) -> anyhow::Result<Container> {
        let signed = url.query().is_some_and(|query| query.contains("sig="));
        let credential = if signed {
            None
        } else {
            let auth = Auth::parse("auto", environment.variables())?;
            let credential = auth.credential(cloud_of(url), environment.variables());
            Some(credential.context("sign in to the container of the configuration")?)
        };
        Ok(Container::new(url.clone(), credential)?)
    }
}

/// The place without the query of a URL.
impl fmt::Display for ConfigPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigPlace::Path(path) => write!(f, "{}", path.display()),
            ConfigPlace::Container(url) => {
                let mut url = url.clone();
                url.set_query(None);
                write!(f, "{url}")
            }
        }
    }
}

impl fmt::Debug for ConfigPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What tells one state of a file or folder from another: names, sizes and times of its `*.toml` files.
pub(crate) fn version_of_path(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    for path in texts_at(path)? {
        let data = std::fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        let modified = data
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        hash.update(format!(
            "{}\n{}\n{modified:?}\n",
            path.display(),
            data.len()
        ));
    }
    Ok(short(hash))
}

/// What tells one state of a container from another: names and ETags of its blobs.
pub(crate) fn version_of_blobs(blobs: &[Blob]) -> String {
    let mut hash = Sha256::new();
    for blob in blobs {
        hash.update(format!("{}\n{}\n", blob.name, blob.etag));
    }
    short(hash)
}

fn short(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads all blobs of a listing.
///
/// # Errors
/// When there is nothing to read, when it is too much, or a blob was written meanwhile.
pub(crate) async fn download(container: &Container, blobs: &[Blob]) -> anyhow::Result<Files> {
    let bytes: u64 = blobs.iter().map(|blob| blob.bytes).sum();
    ensure!(
        blobs
            .iter()
            .any(|blob| blob.name.ends_with(".toml") && !blob.name.contains('/')),
        "the container {container} holds no *.toml blob at its top"
    );
    ensure!(
        blobs.len() <= MAX_FILES && bytes <= MAX_BYTES,
        "the container {container} holds {} blobs with {bytes} bytes, which is no configuration: at most \
         {MAX_FILES} with {MAX_BYTES} are read; give the configuration a container of its own",
        blobs.len()
    );
    let mut files = Vec::new();
    for blob in blobs {
        let read = container
            .read(blob)
            .try_fold(Vec::new(), async |mut all, piece| {
                all.extend_from_slice(&piece);
                Ok(all)
            });
        files.push((blob.name.clone(), read.await?));
    }
    Ok(Files(files))
}

impl Files {
    /// Writes the files below a folder.
    ///
    /// # Errors
    /// When a name would lead out of the folder.
    pub(crate) fn write_to(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, bytes) in &self.0 {
            let relative = Path::new(name);
            let is_inside = relative
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            ensure!(
                is_inside && !name.contains('\\'),
                "the blob {name:?} has a name that is no path of a file"
            );
            let path = folder.join(relative);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)
                    .with_context(|| format!("make {}", parent.display()))?;
            }
            std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_or_the_url_of_a_container() {
        let place = |text| ConfigPlace::parse(text).map_err(|error| format!("{error:#}"));
        assert_eq!(place("budgets"), Ok(ConfigPlace::Path("budgets".into())));
        let url = "https://a.blob.core.windows.net/config?sv=1&sig=SECRET";
        let container = place(url).unwrap();
        assert_eq!(container, ConfigPlace::Container(url.parse().unwrap()));
        for shown in [format!("{container}"), format!("{container:?}")] {
            assert_eq!(shown, "https://a.blob.core.windows.net/config");
        }
        for (wrong, why) in [
            ("ftp://a/config", "begins with ftp://"),
            ("https://a.blob.core.windows.net/", "names no container"),
            ("https://a:b:c/?sig=SECRET", "is not a URL"),
        ] {
            let message = place(wrong).unwrap_err();
            assert!(message.contains(why), "{message}");
            assert!(!message.contains("SECRET"), "{message}");
        }
    }

    #[test]
    fn a_blob_cannot_be_written_beside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "../up.toml",
            "/etc/up.toml",
            "a/../../up.toml",
            "a\\..\\up.toml",
        ] {
            let files = Files(vec![(name.to_owned(), Vec::new())]);
            assert!(files.write_to(folder.path()).is_err(), "{name}");
        }
        let files = Files(vec![("mails/de.html".to_owned(), b"x".to_vec())]);
        files.write_to(folder.path()).unwrap();
        assert_eq!(
            std::fs::read(folder.path().join("mails/de.html")).unwrap(),
            b"x"
        );
    }

    #[test]
    fn a_version_changes_with_what_is_there() {
        let blob = |name: &str, etag: &str| Blob {
            name: name.to_owned(),
            bytes: 1,
            modified: UNIX_EPOCH,
            etag: etag.to_owned(),
        };
        let version = version_of_blobs(&[blob("a.toml", "1"), blob("b.toml", "1")]);
        assert_eq!(
            version,
            version_of_blobs(&[blob("a.toml", "1"), blob("b.toml", "1")])
        );
        assert_ne!(
            version,
            version_of_blobs(&[blob("a.toml", "1"), blob("b.toml", "2")])
        );
        assert_ne!(version, version_of_blobs(&[blob("a.toml", "1")]));
    }
}
