//! The timeline as a picture: each event a bar on the run's time, readable for seconds as for days.

use super::record::{Event, Record, Stage};
use super::text::cut;
use super::time;

/// More bars than this are not drawn; the table below the picture has them all.
const MAX_BARS: usize = 48;

/// How far the marks of the axis may be apart, in milliseconds.
const STEPS: [i64; 26] = [
    1,
    5,
    10,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
];

/// Where things are: for wide pages the labels stand before the bars, for narrow ones above them.
pub(super) struct Layout {
    /// For style sheets.
    pub(super) class: &'static str,
    width: i64,
    /// Where the bars begin, and end.
    from: i64,
    to: i64,
    row: i64,
    label_above: bool,
    marks: i64,
    label_characters: usize,
}

/// For wide pages.
pub(super) const WIDE: Layout = Layout {
    class: "wide",
    width: 880,
    from: 320,
    to: 870,
    row: 24,
    label_above: false,
    marks: 6,
    label_characters: 32,
};

/// For phones.
pub(super) const NARROW: Layout = Layout {
    class: "narrow",
    width: 350,
    from: 6,
    to: 340,
    row: 40,
    label_above: true,
    marks: 3,
    label_characters: 38,
};

/// What is drawn. All positions are in units of the picture.
pub(super) struct Picture {
    pub(super) class: &'static str,
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) top: i64,
    pub(super) bottom: i64,
    pub(super) marks: Vec<Mark>,
    pub(super) bars: Vec<Bar>,
    /// How many events are not drawn.
    pub(super) more: usize,
}

/// A line with a time.
pub(super) struct Mark {
    pub(super) x: i64,
    pub(super) anchor: &'static str,
    pub(super) label: String,
}

/// One event.
pub(super) struct Bar {
    /// Where its stage begins, its name; nothing for the events after it.
    pub(super) stage: &'static str,
    pub(super) stage_y: i64,
    pub(super) what: String,
    pub(super) label_x: i64,
    pub(super) label_y: i64,
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) took: String,
    pub(super) took_x: i64,
    pub(super) took_y: i64,
    pub(super) anchor: &'static str,
}

impl Layout {
    /// Draws the events of a record.
    pub(super) fn draw(&self, record: &Record) -> Picture {
        let span = Span::of(record);
        let count = record.timeline.len().min(MAX_BARS);
        let (top, rows) = (26, i64::try_from(count).unwrap_or(0));
        let bottom = top + rows * self.row;
        let mut before = None;
        let mut bars = Vec::new();
        for (index, event) in (0..).zip(record.timeline.iter().take(MAX_BARS)) {
            let is_new = before.replace(event.stage) != Some(event.stage);
            bars.push(self.bar(&span, event, is_new, top + index * self.row));
        }
        Picture {
            class: self.class,
            width: self.width,
            height: bottom + 6,
            top,
            bottom,
            marks: self.marks(&span),
            bars,
            more: record.timeline.len().saturating_sub(count),
        }
    }

    fn bar(&self, span: &Span, event: &Event, is_new: bool, y: i64) -> Bar {
        let start = self.place(span, event.started_at.0.as_millisecond());
        let end = self.place(span, event.ended_at.0.as_millisecond());
        let width = (end - start).max(3);
        let x = start.min(self.to - width).max(self.from);
        let (label_x, label_y, bar_y) = match self.label_above {
            true => (self.from, y + 14, y + 21),
            false => (104, y + 16, y + 6),
        };
        let stage = stage_name(event.stage);
        let what = match self.label_above {
            true => format!("{stage}: {}", event.what),
            false => event.what.clone(),
        };
        let is_at_end = x + width > self.to - 80;
        Bar {
            stage: if is_new && !self.label_above {
                stage
            } else {
                ""
            },
            stage_y: y + 16,
            what: cut(&what, self.label_characters),
            label_x,
            label_y,
            x,
            y: bar_y,
            width,
            took: time::duration(time::between(&event.started_at, &event.ended_at)),
            took_x: match (is_at_end, self.label_above) {
                (_, true) => self.to,
                (true, false) if x - 6 > self.from + 80 => x - 6,
                (true, false) => x + width - 6,
                (false, false) => x + width + 6,
            },
            took_y: y + if self.label_above { 14 } else { 16 },
            anchor: if is_at_end || self.label_above {
                "end"
            } else {
                "start"
            },
        }
    }

    fn place(&self, span: &Span, at: i64) -> i64 {
        let since = at.saturating_sub(span.start).clamp(0, span.length);
        let room = i128::from(self.to - self.from);
        let moved = i128::from(since) * room / i128::from(span.length);
        self.from + i64::try_from(moved).unwrap_or(0)
    }

    fn marks(&self, span: &Span) -> Vec<Mark> {
        let fits = |step: &&i64| span.length / **step <= self.marks;
        let longest = span.length / self.marks + 1;
        let step = STEPS.iter().find(fits).copied().unwrap_or(longest);
        let count = span.length / step;
        (0..=count)
            .map(|index| Mark {
                x: self.place(span, span.start.saturating_add(index * step)),
                anchor: match index {
                    0 => "start",
                    last if last == count && last * step * 20 > span.length * 19 => "end",
                    _ => "middle",
                },
                label: match index {
                    0 => "0".to_owned(),
                    _ => time::duration(index * step),
                },
            })
            .collect()
    }
}

/// The time that the picture covers: the run, and whatever lies outside it by a clock that went wrong.
struct Span {
    start: i64,
    length: i64,
}

impl Span {
    fn of(record: &Record) -> Span {
        let starts = record.timeline.iter().map(|event| &event.started_at);
        let ends = record.timeline.iter().map(|event| &event.ended_at);
        let start = starts.chain([&record.started_at]);
        let end = ends.chain([&record.ended_at]);
        let start = start.map(|time| time.0.as_millisecond()).min().unwrap_or(0);
        let end = end.map(|time| time.0.as_millisecond()).max().unwrap_or(0);
        Span {
            start,
            length: end.saturating_sub(start).max(1),
        }
    }
}

/// What a stage is called.
pub(super) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Provision => "Provision",
        Stage::Programmed => "Programmed",
        Stage::Controls => "Controls",
        Stage::Checks => "Checks",
        Stage::Teardown => "Teardown",
        Stage::Afterwards => "Afterwards",
    }
}

#[cfg(test)]
mod tests {
    use super::{NARROW, WIDE};
    use crate::evidence::samples;

    #[test]
    fn runs_of_any_length_have_a_few_marks_and_bars_inside_the_picture() {
        for milliseconds in [0, 1, 2_000, 412_000, 86_400_000, 900_000_000_000] {
            let record = samples::lasting(milliseconds);
            for layout in [WIDE, NARROW] {
                let picture = layout.draw(&record);
                let marks = i64::try_from(picture.marks.len()).unwrap();
                assert!(
                    (1..=layout.marks + 1).contains(&marks),
                    "{milliseconds}: {marks}"
                );
                for bar in &picture.bars {
                    assert!(bar.width >= 3 && bar.x >= layout.from, "{milliseconds}");
                    assert!(bar.x + bar.width <= layout.to, "{milliseconds}: {}", bar.x);
                }
            }
        }
    }

    #[test]
    fn a_stage_is_named_where_it_begins() {
        let stages: Vec<_> = WIDE.draw(&samples::passed()).bars;
        let named: Vec<&str> = stages.iter().map(|bar| bar.stage).collect();
        let all = [
            "Provision",
            "Programmed",
            "Controls",
            "Checks",
            "",
            "Teardown",
            "Afterwards",
        ];
        assert_eq!(named, all);
    }

    #[test]
    fn what_is_not_drawn_is_counted() {
        let mut record = samples::passed();
        let event = record.timeline[0].clone();
        record.timeline = vec![event; 60];
        let picture = WIDE.draw(&record);
        assert_eq!((picture.bars.len(), picture.more), (48, 12));
    }
}
