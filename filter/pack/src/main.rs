//! Makes the wasm module that is shipped from the one that cargo builds:
//! `drill-filter-pack BUILT.wasm SHIPPED.wasm`.
//!
//! The SDK exports a callback for everything that a proxy can tell a plugin, and a proxy enters
//! the VM for each callback that it finds, also for those that do nothing. Every request would
//! pay for them. Here all but the ones that the filter implements are dropped, together with
//! the code that only they need.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use walrus::{Module, ModuleConfig, passes};

/// What the proxy must find: the ABI's version, memory, and the callbacks that do something.
///
/// `proxy_on_done` is not among them: a proxy that does not find it takes the stream for done.
/// Nor is `proxy_on_log`: what it would do is done in `proxy_on_delete`.
const EXPORTS: [&str; 9] = [
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_request_headers",
    "proxy_on_response_headers",
    "proxy_on_delete",
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [built, shipped] = arguments.as_slice() else {
        return Err("usage: drill-filter-pack BUILT.wasm SHIPPED.wasm".into());
    };
    let built = std::fs::read(built)
        .map_err(|error| format!("cannot read {}: {error}", Path::new(built).display()))?;
    let packed = pack(&built)?;
    std::fs::write(shipped, packed)
        .map_err(|error| format!("cannot write {}: {error}", Path::new(shipped).display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The module with [`EXPORTS`] only, without what nothing leads to any more.
fn pack(built: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut config = ModuleConfig::new();
    config
        .generate_name_section(false)
        .generate_producers_section(false);
    let mut module = config.parse(built)?;
    for name in EXPORTS {
        if !module.exports.iter().any(|export| export.name == name) {
            return Err(format!("the module does not export {name}: is it the filter's?").into());
        }
    }
    drop_exports(&mut module);
    passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

fn drop_exports(module: &mut Module) {
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !EXPORTS.contains(&export.name.as_str()))
        .map(walrus::Export::id)
        .collect();
    for id in unused {
        module.exports.delete(id);
    }
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, Module};

    use super::{EXPORTS, pack};

    fn module(names: &[&str]) -> Vec<u8> {
        let mut module = Module::default();
        for name in names {
            let body = FunctionBuilder::new(&mut module.types, &[], &[]);
            let function = body.finish(Vec::new(), &mut module.funcs);
            module.exports.add(name, function);
        }
        module.emit_wasm()
    }

    #[test]
    fn callbacks_that_the_filter_does_not_implement_are_dropped_with_their_code() {
        let built = module(&[&EXPORTS[..], &["proxy_on_tick", "proxy_on_done"]].concat());
        let packed = Module::from_buffer(&pack(&built).unwrap()).unwrap();
        let mut left: Vec<_> = packed
            .exports
            .iter()
            .map(|export| export.name.as_str())
            .collect();
        left.sort_unstable();
        let mut expected = EXPORTS;
        expected.sort_unstable();
        assert_eq!(left, expected);
        assert_eq!(packed.funcs.iter().count(), EXPORTS.len());
    }

    #[test]
    fn a_module_that_is_not_the_filter_is_refused() {
        let error = pack(&module(&["memory"])).unwrap_err().to_string();
        assert!(error.contains("does not export _initialize"), "{error}");
        assert!(pack(b"not wasm").is_err());
    }
}
