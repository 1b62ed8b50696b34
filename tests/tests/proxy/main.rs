//! `drillgate proxy` in front of a real edge: clients that know nothing of drills, or lie about
//! them, reach the sandbox and never production.

mod answers;
mod life;
mod requests;
mod stand;
mod streams;
