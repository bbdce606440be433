//! Questions as lines of JSON on stdin, and their answers on stdout in the same order.
//!
//! A thread reads, a worker on every core answers, and the caller's thread writes. Both queues between
//! them are short, so that memory does not grow with the number of questions. Whoever asks one question
//! and waits gets the answer: nothing stays in the buffer while no further answer is ready.
//!
//! ```text
//! stdin ─► reader ─► jobs ──► workers ─┐ one answer, by the promise of its line
//!             └────► promises, in order ─► writer ─► stdout
//! ```

pub(crate) mod anomaly;
pub(crate) mod forecast;
mod input;
mod question;

use std::io::{self, BufRead, BufWriter, Write};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use self::input::{Input, Line};
use self::question::Question;
use crate::args::{Global, wrong_use};
use crate::commands::Exit;
use crate::output::{Format, forgive_closed_pipe, talk};

/// Questions that may wait for each worker: enough that none is idle while the oldest is worked on.
const WAITING: usize = 16;

/// Answers a question with a line of JSON, or says what is wrong with it.
type Answer = fn(&Question) -> Result<String, String>;

/// An answer as it is written, and whether there is one.
struct Answered {
    text: String,
    is_failure: bool,
}

/// A question on its way to a worker.
struct Job {
    line: Line,
    promise: SyncSender<Answered>,
}

/// What is written in the place of an answer.
#[derive(Serialize)]
struct Refusal<'a> {
    series_id: &'a Value,
    error: String,
}

/// How many questions there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    asked: u64,
    failed: u64,
}

/// Answers every line of stdin.
///
/// # Errors
/// When stdin cannot be read or stdout not be written, or another format is asked for.
pub(crate) fn run(global: &Global, answer: Answer) -> anyhow::Result<Exit> {
    if matches!(global.output, Format::Csv | Format::Markdown) {
        return Err(wrong_use(
            "--json-lines answers in lines of JSON and in no other format: leave --output out",
        ));
    }
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let stdin = io::BufReader::with_capacity(1 << 16, io::stdin());
    let stdout = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let count = answer_all(stdin, stdout, workers, answer)?;
    if count.failed == 0 {
        return Ok(Exit::Fine);
    }
    talk(&format!(
        "error: {} of {} lines could not be answered; each says why in its place",
        count.failed, count.asked
    ));
    Ok(Exit::Failed)
}

/// Answers the lines of `from` into `to`, in their order. A reader that has seen enough ends it.
fn answer_all(
    from: impl BufRead + Send + 'static,
    mut to: impl Write,
    workers: usize,
    answer: Answer,
) -> anyhow::Result<Count> {
    let waiting = workers * WAITING;
    let (jobs, to_do) = sync_channel(waiting);
    let (promises, promised) = sync_channel(waiting);
    // The threads are not waited for: the reader may be held by a peer that sends nothing more.
    let reader = thread::Builder::new().name("reader".to_owned());
    let reader = reader
        .spawn(move || read(Input::new(from), &jobs, &promises))
        .context("start reading")?;
    let to_do = Arc::new(Mutex::new(to_do));
    for _ in 0..workers {
        let to_do = Arc::clone(&to_do);
        let worker = thread::Builder::new().name("answers".to_owned());
        worker
            .spawn(move || work(&to_do, answer))
            .context("start a worker")?;
    }
    let mut count = Count::default();
    let written = write_all(&promised, &mut to, &mut count);
    if matches!(&written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
        return Ok(count);
    }
    forgive_closed_pipe(written).context("write answers")?;
    match reader.join() {
        Ok(read) => read.context("read questions from stdin")?,
        Err(_) => anyhow::bail!("reading questions failed"),
    }
    Ok(count)
}

/// Hands lines out until there are no more, or nobody takes them.
fn read(
    mut input: Input<impl BufRead>,
    jobs: &SyncSender<Job>,
    promises: &SyncSender<Receiver<Answered>>,
) -> io::Result<()> {
    while let Some(line) = input.next_line()? {
        let (promise, promised) = sync_channel(1);
        if promises.send(promised).is_err() || jobs.send(Job { line, promise }).is_err() {
            break;
        }
    }
    Ok(())
}

/// Answers questions until there are no more.
fn work(to_do: &Mutex<Receiver<Job>>, answer: Answer) {
    loop {
        let next = match to_do.lock() {
            Ok(to_do) => to_do.recv(),
            Err(_) => return,
        };
        let Ok(job) = next else { return };
        // Nobody takes the answer when stdout is closed.
        let _ = job.promise.send(answered(&job.line, answer));
    }
}

/// The answer to a line, or why there is none.
fn answered(line: &Line, answer: Answer) -> Answered {
    let mut series_id = Value::Null;
    let outcome = line.text().and_then(|text| {
        let question = Question::parse(text)?;
        series_id = question.series_id().clone();
        // One series that hits a mistake of ours must not take the others along.
        let answered = catch_unwind(AssertUnwindSafe(|| answer(&question)));
        answered.unwrap_or_else(|_| Err("a mistake of this program; please report it".to_owned()))
    });
    match outcome {
        Ok(text) => Answered {
            text,
            is_failure: false,
        },
        Err(why) => Answered {
            text: in_json(&Refusal {
                series_id: &series_id,
                error: format!("line {}: {why}", line.number),
            })
            .unwrap_or_default(),
            is_failure: true,
        },
    }
}

/// Writes answers in the order of their questions, and out of the buffer whenever the next one is not
/// there yet.
fn write_all(
    promised: &Receiver<Receiver<Answered>>,
    to: &mut impl Write,
    count: &mut Count,
) -> io::Result<()> {
    while let Some(promise) = next(promised, to)? {
        let Some(answered) = next(&promise, to)? else {
            return Err(io::Error::other("a worker ended early"));
        };
        count.asked += 1;
        count.failed += u64::from(answered.is_failure);
        to.write_all(answered.text.as_bytes())?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// What comes next, `None` at the end.
fn next<T>(from: &Receiver<T>, to: &mut impl Write) -> io::Result<Option<T>> {
    match from.try_recv() {
        Ok(next) => Ok(Some(next)),
        Err(TryRecvError::Disconnected) => Ok(None),
        Err(TryRecvError::Empty) => {
            to.flush()?;
            Ok(from.recv().ok())
        }
    }
}

/// A value as one line of JSON.
fn in_json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, answer: Answer) -> (Vec<Value>, Count) {
        let mut out = Vec::new();
        let from = io::Cursor::new(text.to_owned().into_bytes());
        let count = answer_all(from, &mut out, 3, answer).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        (lines.collect(), count)
    }

    #[test]
    fn a_question_that_breaks_a_worker_is_refused_and_the_others_are_answered() {
        let text = "{\"series_id\":\"a\"}\n{\"series_id\":\"bad\"}\n\n{\"series_id\":\"b\"}\n";
        let (lines, count) = all(text, |question| {
            assert_ne!(question.series_id(), "bad");
            in_json(question.series_id())
        });
        assert_eq!(lines[0], "a");
        assert_eq!(lines[1]["series_id"], "bad");
        let error = lines[1]["error"].as_str().unwrap();
        assert!(error.starts_with("line 2: a mistake of this"), "{error}");
        assert_eq!(lines[2], "b");
        let expected = Count {
            asked: 3,
            failed: 1,
        };
        assert_eq!(count, expected);
    }

    /// A reader that has seen enough.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let from = io::Cursor::new("{\"series_id\":\"a\"}\n".repeat(100).into_bytes());
        let count = answer_all(from, Closed, 2, |_| Ok("1".to_owned())).unwrap();
        assert_eq!(count.failed, 0);
    }
}
