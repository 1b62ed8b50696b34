//! The table as a picture: one bar a row, CPU against `jwt_authn`, quartiles as a line.

use std::fmt::Write;

use crate::report::{Report, Row};

const LEFT: f64 = 290.0;
const SCALE: f64 = 380.0;
const ROW: f64 = 22.0;

pub fn svg(report: &Report) -> String {
    let height = 70.0 + ROW * report.rows.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" \
         aria-label=\"CPU per request against jwt_authn\">\n\
         <rect width=\"900\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"15\" fill=\"#111\">CPU per request of one Envoy worker, against \
         jwt_authn on the same traffic (medians of {} rounds, quartiles)</text>\n",
        report.rounds
    );
    for (index, row) in report.rows.iter().enumerate() {
        bar(&mut svg, row, 44.0 + ROW * index as f64);
    }
    let end = height - 18.0;
    let one = LEFT + SCALE;
    let _ = writeln!(
        svg,
        "<line x1=\"{one}\" y1=\"38\" x2=\"{one}\" y2=\"{end}\" stroke=\"#555\" stroke-dasharray=\"3 3\"/>\n</svg>"
    );
    svg
}

fn bar(svg: &mut String, row: &Row, top: f64) {
    let spread = row.cpu_to_jwt_authn;
    let width = spread.median * SCALE;
    let (lower, upper) = (LEFT + spread.lower * SCALE, LEFT + spread.upper * SCALE);
    let middle = top + ROW / 2.0 - 3.0;
    let ours = row.contender.starts_with("drillgate");
    let colour = if ours { "#2f6f9f" } else { "#b8c4cc" };
    let _ = writeln!(
        svg,
        "<text x=\"{label}\" y=\"{text}\" text-anchor=\"end\" fill=\"#111\">{traffic}: {contender}</text>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{bar}\" fill=\"{colour}\"/>\n\
         <line x1=\"{lower:.1}\" y1=\"{middle}\" x2=\"{upper:.1}\" y2=\"{middle}\" stroke=\"#111\" stroke-width=\"2\"/>\n\
         <text x=\"{value:.1}\" y=\"{text}\" fill=\"#111\">{median:.2}</text>",
        label = LEFT - 8.0,
        text = top + 12.0,
        traffic = row.traffic,
        contender = row.contender,
        bar = ROW - 6.0,
        value = upper.max(LEFT + width) + 6.0,
        median = spread.median,
    );
}
