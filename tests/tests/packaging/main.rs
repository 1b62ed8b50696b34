//! What is shipped: the chart and what is rendered from it, its roles and its policies, the images,
//! and the examples.

mod admission;
mod chart;
mod cluster;
mod documents;
mod images;
mod people;
mod tools;
