//! Progress of long reads, on stderr, when somebody is looking.

use std::io::{self, IsTerminal};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_cost::Wait;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spendwatch::sources::Progress;

/// Reads that are over sooner leave no trace.
const PATIENCE: Duration = Duration::from_millis(300);

/// The progress of one read. Hidden until the read takes long.
pub(crate) struct Reading {
    bar: ProgressBar,
}

impl Reading {
    /// The progress of a read; `None` when stderr is no terminal.
    pub(crate) fn new() -> Option<Arc<Reading>> {
        io::stderr().is_terminal().then(|| {
            Arc::new(Reading {
                bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            })
        })
    }

    /// The progress as a job is given it.
    pub(crate) fn port(reading: &Option<Arc<Reading>>) -> Option<Arc<dyn Progress>> {
        let reading = reading.clone();
        reading.map(|reading| -> Arc<dyn Progress> { reading })
    }

    /// Waits for a read and shows its progress once it takes long.
    pub(crate) async fn watch<T>(reading: Option<&Reading>, read: impl Future<Output = T>) -> T {
        let Some(reading) = reading else {
            return read.await;
        };
        let mut read = pin!(read);
        tokio::select! {
            biased;
            answer = &mut read => return answer,
            () = tokio::time::sleep(PATIENCE) => reading.show(),
        }
        let answer = read.await;
        reading.bar.finish_and_clear();
        answer
    }

    /// So many bytes of a file have been read.
    pub(crate) fn advanced(&self, bytes: u64, total_bytes: Option<u64>) {
        if total_bytes.is_some() && self.bar.length() != total_bytes {
            if let Some(total) = total_bytes {
                self.bar.set_length(total);
            }
            self.bar.set_style(style(true));
        }
        self.bar.set_position(bytes);
    }

    fn show(&self) {
        self.bar.set_style(style(self.bar.length().is_some()));
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }
}

impl Progress for Reading {
    fn advanced(&self, bytes: u64, total_bytes: Option<u64>, rows: u64) {
        Reading::advanced(self, bytes, total_bytes);
        self.bar.set_message(format!("{rows} rows"));
    }

    fn waiting(&self, wait: Option<&Wait>) {
        self.bar
            .set_message(wait.map(ToString::to_string).unwrap_or_default());
    }
}

/// The progress of many small steps. Hidden unless stderr is a terminal, and until it takes long.
pub(crate) struct Counting {
    bar: Option<ProgressBar>,
    begun: Instant,
}

impl Counting {
    /// `what` is done to how many `things`.
    pub(crate) fn new(what: &str, things: &str) -> Counting {
        let bar = io::stderr().is_terminal().then(|| {
            let template = format!("{what} {{bar:24}} {{pos}} of {{len}} {things}");
            let style = ProgressStyle::with_template(&template);
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Counting {
            bar,
            begun: Instant::now(),
        }
    }

    /// So many of all are done.
    pub(crate) fn told(&self, done: usize, of: usize) {
        let Some(bar) = &self.bar else { return };
        if bar.is_hidden() && self.begun.elapsed() >= PATIENCE {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    }

    /// All are done.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(bounded: bool) -> ProgressStyle {
    let template = if bounded {
        "reading costs {bar:24} {percent:>3} %  {bytes}  {msg}"
    } else {
        "{spinner} reading costs  {bytes}  {msg}"
    };
    ProgressStyle::with_template(template).expect("the templates above are well formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_styles_are_well_formed() {
        style(true);
        style(false);
    }
}
