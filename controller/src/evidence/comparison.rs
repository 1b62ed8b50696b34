//! Two runs side by side: what broke since, what was mended, what got slower.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use super::case::{Case, CaseResult, cases};
use super::document::Verdict;
use super::record::Record;
use super::time;

/// What takes longer by less than this is not slower, in milliseconds: clocks and networks differ
/// by as much from run to run.
const NOISE_MS: i64 = 500;

/// Nor what takes longer by less than this part.
const NOISE_PERCENT: i64 = 20;

/// What is different in the later of two runs. Each thing is named by its suite and its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The run that is compared to.
    pub before: Run,
    /// The run that is compared.
    pub after: Run,
    /// What passed and fails.
    pub broke: Vec<Finding>,
    /// What failed and passes.
    pub mended: Vec<Finding>,
    /// What passed and is no longer known, or no longer asked.
    pub lost: Vec<Finding>,
    /// What was not asked before.
    pub new: Vec<Finding>,
    /// What takes longer.
    pub slower: Vec<Pace>,
    /// What takes less time.
    pub faster: Vec<Pace>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Namespace and name of the drill.
    pub drill: String,
    /// When it began.
    #[serde(with = "crate::evidence::precise")]
    pub started_at: Time,
    /// What it came to.
    pub verdict: Verdict,
}

/// Something that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is, as `checks: orders-page`.
    pub name: String,
    /// What the later run says of it.
    pub what: String,
}

/// Something that takes another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// What it is.
    pub name: String,
    /// How long it took, in milliseconds.
    pub before_ms: i64,
    /// How long it takes.
    pub after_ms: i64,
}

impl Comparison {
    /// Compares a run with one before it.
    pub fn of(before: &Record, after: &Record) -> Comparison {
        let (old, new) = (results(before), results(after));
        let mut comparison = Comparison {
            before: Run::of(before),
            after: Run::of(after),
            broke: Vec::new(),
            mended: Vec::new(),
            lost: Vec::new(),
            new: Vec::new(),
            slower: Vec::new(),
            faster: Vec::new(),
        };
        for (name, result) in &new {
            comparison.sort_in(name, old.get(name), result);
        }
        for (name, result) in old {
            if result == CaseResult::Passed && !new.contains_key(&name) {
                let what = "it is no longer asked".to_owned();
                comparison.lost.push(Finding { name, what });
            }
        }
        comparison.pace(&paces(before), &paces(after));
        comparison
    }

    /// Whether the later run fails something that the earlier one passed.
    pub fn is_worse(&self) -> bool {
        let fell = self.before.verdict == Verdict::Passed && self.after.verdict == Verdict::Failed;
        fell || !self.broke.is_empty()
    }

    fn sort_in(&mut self, name: &str, old: Option<&CaseResult>, new: &CaseResult) {
        let (list, what) = match (old, new) {
            (Some(CaseResult::Passed), CaseResult::Failed(why)) => (&mut self.broke, why.as_str()),
            (Some(CaseResult::Passed), CaseResult::Skipped(why)) => (&mut self.lost, why.as_str()),
            (Some(CaseResult::Failed(_)), CaseResult::Passed) => (&mut self.mended, "it passes"),
            (None, CaseResult::Passed) => (&mut self.new, "it passes"),
            (None, CaseResult::Failed(why) | CaseResult::Skipped(why)) => {
                (&mut self.new, why.as_str())
            }
            _ => return,
        };
        list.push(Finding {
            name: name.to_owned(),
            what: what.to_owned(),
        });
    }

    fn pace(&mut self, old: &BTreeMap<String, i64>, new: &BTreeMap<String, i64>) {
        for (name, after_ms) in new {
            let (Some(before_ms), after_ms) = (old.get(name).copied(), *after_ms) else {
                continue;
            };
            let pace = Pace {
                name: name.clone(),
                before_ms,
                after_ms,
            };
            if differs(before_ms, after_ms) {
                self.slower.push(pace);
            } else if differs(after_ms, before_ms) {
                self.faster.push(pace);
            }
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let run = |run: &Run| {
            let (began, verdict) = (time::moment(&run.started_at), run.verdict);
            format!("{} of {began}: {verdict}", run.drill)
        };
        let mut text = format!(
            "before  {}\nafter   {}\n",
            run(&self.before),
            run(&self.after)
        );
        for (title, findings) in [
            ("broke", &self.broke),
            ("mended", &self.mended),
            ("no longer known", &self.lost),
            ("new", &self.new),
        ] {
            let line = |finding: &Finding| {
                let what = finding.what.replace('\n', "; ");
                format!("  {}: {what}\n", finding.name)
            };
            text.push_str(&section(title, findings.iter().map(line)));
        }
        for (title, paces) in [("slower", &self.slower), ("faster", &self.faster)] {
            text.push_str(&section(title, paces.iter().map(Pace::line)));
        }
        if text.lines().count() == 2 {
            text.push_str("\nno difference\n");
        }
        super::text::visible(&text).into_owned()
    }
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n{title}\n{lines}"),
    }
}

impl Run {
    fn of(record: &Record) -> Run {
        Run {
            drill: record.drill.name.clone(),
            started_at: record.started_at.clone(),
            verdict: match record.has_passed() {
                true => Verdict::Passed,
                false => Verdict::Failed,
            },
        }
    }
}

impl Pace {
    fn line(&self) -> String {
        let (before, after) = (self.before_ms, self.after_ms);
        let change = match before {
            0 => String::new(),
            _ => {
                let percent = i128::from(after - before) * 100 / i128::from(before);
                format!(" ({percent:+} %)")
            }
        };
        let (before, after) = (time::duration(before), time::duration(after));
        format!("  {}: {before}, now {after}{change}\n", self.name)
    }
}

fn results(record: &Record) -> BTreeMap<String, CaseResult> {
    let named = |case: Case| (format!("{}: {}", case.suite, case.name), case.result);
    cases(record).into_iter().map(named).collect()
}

/// How long each thing took, in milliseconds: the run, its stages, its checks, its objectives.
fn paces(record: &Record) -> BTreeMap<String, i64> {
    let whole = time::between(&record.started_at, &record.ended_at);
    let mut paces = BTreeMap::from([("the run".to_owned(), whole)]);
    for event in &record.timeline {
        let name = format!(
            "{}: {}",
            super::timeline::stage_name(event.stage),
            event.what
        );
        *paces.entry(name).or_default() += time::between(&event.started_at, &event.ended_at);
    }
    for case in cases(record) {
        if let Some(took) = case.took {
            paces.insert(format!("{}: {}", case.suite, case.name), took);
        }
    }
    for objective in &record.objectives {
        if let Some(reached) = objective.reached_seconds {
            let reached = i64::try_from(reached).unwrap_or(i64::MAX);
            let name = format!("objectives: {}", objective.name);
            paces.insert(name, reached.saturating_mul(1_000));
        }
    }
    paces
}

/// Whether the second is longer than the first by more than noise.
fn differs(short: i64, long: i64) -> bool {
    let more = long.saturating_sub(short);
    more >= NOISE_MS && i128::from(more) * 100 >= i128::from(short) * i128::from(NOISE_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::Comparison;
    use crate::evidence::samples;

    fn names(findings: &[super::Finding]) -> Vec<&str> {
        findings.iter().map(|f| f.name.as_str()).collect()
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        for record in [samples::passed(), samples::failed(), samples::empty()] {
            let same = Comparison::of(&record, &record);
            assert!(!same.is_worse());
            assert!(
                same.text().ends_with("\nno difference\n"),
                "{}",
                same.text()
            );
        }
    }

    #[test]
    fn what_broke_is_named_and_mended_the_other_way_round() {
        let (good, bad) = (samples::passed(), samples::failed());
        let worse = Comparison::of(&good, &bad);
        assert!(worse.is_worse());
        let broke = names(&worse.broke);
        for name in [
            "checks: order-count",
            "checks: smoke",
            "controls: forged",
            "ledger: production has seen no drill request",
            "objectives: RTO",
            "objectives: RPO",
            "residue: nothing is left",
            "run: the drill came up and was taken away",
        ] {
            assert!(broke.contains(&name), "{name}: {broke:?}");
        }
        let lost = names(&worse.lost);
        assert_eq!(lost, ["ledger: the sandbox answered what was routed"]);
        let better = Comparison::of(&bad, &good);
        assert!(!better.is_worse());
        assert_eq!(names(&better.mended), broke);
    }

    #[test]
    fn what_is_new_fails_without_being_broken_but_the_verdict_is_worse() {
        let old = samples::passed();
        let mut new = samples::passed();
        new.checks[1].name = "order-total".to_owned();
        let comparison = Comparison::of(&old, &new);
        assert!(!comparison.is_worse());
        assert_eq!(names(&comparison.new), ["checks: order-total"]);
        assert_eq!(names(&comparison.lost), ["checks: order-count"]);
        new.checks[1].verdict = crate::checks::outcome::Verdict::Failed;
        let comparison = Comparison::of(&old, &new);
        assert!(comparison.broke.is_empty() && comparison.is_worse());
    }

    #[test]
    fn what_got_slower_has_numbers_and_noise_is_no_news() {
        let old = samples::passed();
        let slower = Comparison::of(&old, &samples::lasting(824_000));
        let text = slower.text();
        assert!(
            text.contains("  the run: 6 min 52 s, now 13 min 44 s (+100 %)\n"),
            "{text}"
        );
        let back = Comparison::of(&samples::lasting(824_000), &old);
        assert_eq!(back.faster.len(), slower.slower.len());
        let noise = Comparison::of(&old, &samples::lasting(420_000));
        assert!(noise.slower.is_empty(), "{:?}", noise.slower);
    }
}
