//! Filters that are written by hand, without an SDK: the least that a filter can cost here.

use std::path::Path;

use drillgate::lab::{Filter, Module};
use drillgate_tests::gate::{DRILL, ENVIRONMENT, HOST, ROUTE_KEY};
use serde_json::json;

/// One hostcall a request.
pub fn smallest() -> Filter {
    filter(
        "smallest",
        &format!(
            r#"(module
            {GET}
            (memory (export "memory") 2)
            (data (i32.const 16) "x-drill-context")
            {SAME_FOR_BOTH}
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (drop (call $get
                    (i32.const 0) (i32.const 16) (i32.const 15) (i32.const 0) (i32.const 4)))
                (i32.const 0)))"#
        ),
    )
}

/// Every callback and every hostcall that the filter needs for a request, audit off, with values that
/// are known beforehand. It verifies nothing. Which streams are a drill's is a byte each, by the
/// stream's number.
pub fn calls_alone() -> Filter {
    let authority = format!("{HOST}.{ROUTE_KEY}.drill.internal");
    let baggage = format!("drill.id={DRILL},drill.env={ENVIRONMENT}");
    let (authority_bytes, baggage_bytes) = (authority.len(), baggage.len());
    let of_stream = "(i32.add (i32.const 131072) (i32.and (local.get $stream) (i32.const 0xffff)))";
    let is_drill = format!("(i32.load8_u {of_stream})");
    filter(
        "calls-alone",
        &format!(
            r#"(module
            {GET}
            (import "env" "proxy_get_header_map_pairs"
                (func $pairs (param i32 i32 i32) (result i32)))
            (import "env" "proxy_replace_header_map_value"
                (func $replace (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_current_time_nanoseconds"
                (func $time (param i32) (result i32)))
            (import "env" "proxy_call_foreign_function"
                (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_define_metric"
                (func $define (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
            (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 4)
            (data (i32.const 16) "x-drill-context")
            (data (i32.const 48) ":authority")
            (data (i32.const 64) "clear_route_cache")
            (data (i32.const 96) "bench.requests")
            (data (i32.const 128) "response\00code_details\00")
            (data (i32.const 160) "x-drill-verdict")
            (data (i32.const 176) "routed")
            (data (i32.const 192) "baggage")
            (data (i32.const 512) "{authority}")
            (data (i32.const 1024) "{baggage}")
            {SAME_FOR_BOTH}
            (func (export "proxy_on_configure") (param i32 i32) (result i32)
                (drop (call $define (i32.const 0) (i32.const 96) (i32.const 14) (i32.const 8)))
                (i32.const 1))
            (func (export "proxy_on_request_headers") (param $stream i32) (param i32 i32) (result i32)
                (if (call $get (i32.const 0) (i32.const 16) (i32.const 15) (i32.const 0) (i32.const 4))
                    (then (return (i32.const 0))))
                (i32.store8 {of_stream} (i32.const 1))
                (drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
                (drop (call $time (i32.const 0)))
                (drop (call $replace (i32.const 0) (i32.const 192) (i32.const 7)
                    (i32.const 1024) (i32.const {baggage_bytes})))
                (drop (call $replace (i32.const 0) (i32.const 48) (i32.const 10)
                    (i32.const 512) (i32.const {authority_bytes})))
                (drop (call $foreign (i32.const 64) (i32.const 17) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 4)))
                (i32.const 0))
            (func (export "proxy_on_response_headers") (param $stream i32) (param i32 i32) (result i32)
                (if {is_drill} (then
                    (drop (call $property (i32.const 128) (i32.const 22) (i32.const 0) (i32.const 4)))
                    (drop (call $replace (i32.const 2) (i32.const 160) (i32.const 15)
                        (i32.const 176) (i32.const 6)))))
                (i32.const 0))
            (func (export "proxy_on_delete") (param $stream i32)
                (if {is_drill} (then
                    (drop (call $increment (i32.load (i32.const 8)) (i64.const 1)))
                    (i32.store8 {of_stream} (i32.const 0))))))"#
        ),
    )
}

const GET: &str = r#"(import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))"#;

/// What Envoy hands over is written to one place, and not kept.
const SAME_FOR_BOTH: &str = r#"
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))
    (func (export "proxy_on_context_create") (param i32 i32))"#;

fn filter(name: &str, text: &str) -> Filter {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wasm"));
    let module = wat::parse_str(text).expect("a module by hand");
    std::fs::write(&path, module).expect("write a module by hand");
    Filter::Module(Module::new(path, json!({})))
}
