//! Files that are downloaded: whole or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use anyhow::{Context, ensure};
use futures::{Stream, TryStreamExt};
use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::progress::Reading;

/// Where a file will be saved.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    replace: bool,
}

impl Place {
    /// A place for a file. Call it before the download is asked for.
    ///
    /// # Errors
    /// When a file is there already and must not be replaced, or the folder is not there.
    pub(crate) fn new(path: &Path, replace: bool) -> anyhow::Result<Place> {
        ensure!(
            replace || !path.exists(),
            "{} is there already; --force replaces it",
            path.display()
        );
        let folder = path.parent().unwrap_or(Path::new(""));
        ensure!(
            folder.as_os_str().is_empty() || folder.is_dir(),
            "{} cannot be saved: there is no folder {}",
            path.display(),
            folder.display()
        );
        Ok(Place {
            path: path.to_owned(),
            replace,
        })
    }

    /// Saves a stream of bytes: first under another name beside the place, and under its own once
    /// it is whole. Gives back how many bytes it has, which are `total` if that is known.
    ///
    /// # Errors
    /// When the stream fails, has another length or the file cannot be written; the place is left
    /// as it was.
    pub(crate) async fn save<B: AsRef<[u8]>>(
        &self,
        total: Option<u64>,
        bytes: impl Stream<Item = anyhow::Result<B>>,
    ) -> anyhow::Result<u64> {
        let name = self
            .path
            .file_name()
            .with_context(|| format!("{} does not name a file", self.path.display()))?;
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let part = self.path.with_file_name(name);
        let reading = Reading::new();
        let write = self.write(&part, total, reading.as_deref(), bytes);
        let written = Reading::watch(reading.as_deref(), write).await;
        let moved = match written {
            Ok(written) if total.is_some_and(|total| total != written) => {
                let total = total.unwrap_or_default();
                Err(anyhow::anyhow!(
                    "{} is not saved: {written} bytes came, and {total} are announced; ask again",
                    self.path.display()
                ))
            }
            Ok(written) => self.settle(&part).await.map(|()| written),
            Err(error) => Err(error),
        };
        if moved.is_err() {
            // What cannot be removed is named `.part` and harms nobody.
            let _ = fs::remove_file(&part).await;
        }
        moved
    }

    async fn write<B: AsRef<[u8]>>(
        &self,
        part: &Path,
        total: Option<u64>,
        reading: Option<&Reading>,
        bytes: impl Stream<Item = anyhow::Result<B>>,
    ) -> anyhow::Result<u64> {
        // The name of the part is nobody's business.
        let shown = self.path.display();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // Costs are nobody else's business.
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(part).await;
        let mut file = file.with_context(|| format!("write {shown}"))?;
        let mut written = 0;
        let mut bytes = pin!(bytes);
        while let Some(chunk) = bytes.try_next().await? {
            let chunk = chunk.as_ref();
            let wrote = file.write_all(chunk).await;
            wrote.with_context(|| format!("write {shown}"))?;
            written += chunk.len() as u64;
            if let Some(reading) = reading {
                reading.advanced(written, total);
            }
        }
        let flushed = file.sync_all().await;
        flushed.with_context(|| format!("write {shown}"))?;
        Ok(written)
    }

    async fn settle(&self, part: &Path) -> anyhow::Result<()> {
        let shown = self.path.display();
        if self.replace {
            let moved = fs::rename(part, &self.path).await;
            return moved.with_context(|| format!("write {shown}"));
        }
        // Unlike a rename, a link never replaces what came there meanwhile.
        match fs::hard_link(part, &self.path).await {
            Ok(()) => fs::remove_file(part)
                .await
                .with_context(|| format!("write {shown}")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                anyhow::bail!("{shown} is there already; --force replaces it")
            }
            // Not every file system has links.
            Err(_) => {
                let moved = fs::rename(part, &self.path).await;
                moved.with_context(|| format!("write {shown}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[tokio::test]
    async fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pdf");
        let place = Place::new(&path, false).unwrap();
        let broken = stream::iter([Ok(b"12".to_vec()), Err(anyhow::anyhow!("cut off"))]);
        assert!(place.save(None, broken).await.is_err());
        assert!(names(folder.path()).is_empty());
        let whole = stream::iter([Ok(b"12".to_vec()), Ok(b"345".to_vec())]);
        assert_eq!(place.save(None, whole).await.unwrap(), 5);
        assert_eq!(std::fs::read(&path).unwrap(), b"12345");
        assert_eq!(names(folder.path()), ["a.pdf"]);
    }

    #[tokio::test]
    async fn a_file_of_another_length_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("a.csv"), false).unwrap();
        let bytes = || stream::iter([Ok(b"12345".to_vec())]);
        for total in [4, 6] {
            let error = place
                .save(Some(total), bytes())
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("5 bytes came") && error.contains(&total.to_string()),
                "{error}"
            );
            assert!(names(folder.path()).is_empty());
        }
        assert_eq!(place.save(Some(5), bytes()).await.unwrap(), 5);
        let nowhere = folder.path().join("missing/a.csv");
        let error = Place::new(&nowhere, false).unwrap_err().to_string();
        assert!(error.contains("there is no folder"), "{error}");
        std::fs::create_dir(folder.path().join("missing")).unwrap();
        let place = Place::new(&nowhere, false).unwrap();
        std::fs::remove_dir(folder.path().join("missing")).unwrap();
        let error = format!("{:#}", place.save(None, bytes()).await.unwrap_err());
        assert!(
            error.contains("missing/a.csv") && !error.contains(".part"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_is_there_is_replaced_only_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pdf");
        let early = Place::new(&path, false).unwrap();
        std::fs::write(&path, "old").unwrap();
        assert!(Place::new(&path, false).is_err());
        let new = || stream::iter([Ok(b"new".to_vec())]);
        assert!(early.save(None, new()).await.is_err(), "it came meanwhile");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let place = Place::new(&path, true).unwrap();
        place.save(None, new()).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.pdf"]);
    }
}
