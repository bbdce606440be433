//! `anomalies`: days of unusual cost. Nothing is written or sent.

use super::Exit;
use crate::args::Global;
use crate::args::forecast::Anomalies;
use crate::lines;

pub(super) async fn run(global: &Global, _options: &Anomalies) -> anyhow::Result<Exit> {
    lines::run(global, lines::anomaly::answer)
}
