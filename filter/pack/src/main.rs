//! Makes the wasm module that is shipped from the one that cargo builds:
//! `drill-filter-pack BUILT.wasm SHIPPED.wasm`.
//!
//! The SDK exports a callback for everything that a proxy can tell a plugin, and a proxy enters
//! the VM for each callback that it finds, also for those that do nothing. Every request would
//! pay for them. Here all but the ones that the filter implements are dropped, together with
//! the code that only they need.

use std::collections::HashSet;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use walrus::ir::{self, Visitor};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module, ModuleConfig, passes};

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
    std::fs::write(shipped, &packed)
        .map_err(|error| format!("cannot write {}: {error}", Path::new(shipped).display()))?;
    writeln!(
        std::io::stdout(),
        "{}: {:.1} KiB",
        Path::new(shipped).display(),
        packed.len() as f64 / 1024.0
    )?;
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
    empty_defaults(&mut module);
    passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

/// How the names of the SDK's default methods begin: what a context does that does not say.
const DEFAULTS: &str = "_ZN10proxy_wasm6traits";

/// Takes the code out of the SDK's default methods, which a context's table of methods holds all
/// of, with the code that they need in turn. Only a callback reaches a method by the table, and
/// for those that are left the filter has methods of its own. What is called by name stays.
fn empty_defaults(module: &mut Module) {
    let mut called = Called::default();
    for (_, function) in module.funcs.iter_local() {
        ir::dfs_in_order(&mut called, function, function.entry_block());
    }
    let is_default = |name: &String| name.starts_with(DEFAULTS);
    let defaults: Vec<_> = module
        .funcs
        .iter_local()
        .map(|(id, _)| module.funcs.get(id))
        .filter(|function| function.name.as_ref().is_some_and(is_default))
        .filter(|function| !called.0.contains(&function.id()))
        .map(|function| (function.id(), function.ty()))
        .collect();
    for (id, signature) in defaults {
        let (parameters, results) = module.types.params_results(signature);
        let (parameters, results) = (parameters.to_vec(), results.to_vec());
        let mut body = FunctionBuilder::new(&mut module.types, &parameters, &results);
        body.func_body().unreachable();
        let locals = parameters.iter().map(|of| module.locals.add(*of)).collect();
        module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(locals));
    }
}

/// The functions that are called by name.
#[derive(Default)]
struct Called(HashSet<FunctionId>);

impl Visitor<'_> for Called {
    fn visit_function_id(&mut self, id: &FunctionId) {
        self.0.insert(*id);
    }
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
    use walrus::ir::Value;
    use walrus::{
        ConstExpr, ElementItems, ElementKind, FunctionBuilder, FunctionId, Module, RefType, ValType,
    };

    use super::{EXPORTS, empty_defaults, pack};

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
    fn default_methods_that_only_a_table_holds_are_emptied_and_no_others() {
        let mut built = Module::from_buffer(&module(&EXPORTS)).unwrap();
        let mut add = |name: &str, calls: Option<FunctionId>| {
            let mut body = FunctionBuilder::new(&mut built.types, &[ValType::I32], &[ValType::I32]);
            let mut code = body.func_body();
            code.i32_const(7);
            if let Some(callee) = calls {
                code.call(callee);
            }
            let parameter = built.locals.add(ValType::I32);
            let function = body.finish(vec![parameter], &mut built.funcs);
            built.funcs.get_mut(function).name = Some(name.to_owned());
            function
        };
        let unused = add("_ZN10proxy_wasm6traits7Context12get_property17h0E", None);
        let used = add("_ZN10proxy_wasm6traits7Context7on_done17h0E", None);
        let ours = add("_ZN12drill_filter7adapter4call17h0E", Some(used));
        let held = ElementItems::Functions(vec![unused, used, ours]);
        let table = built.tables.add_local(false, 3, Some(3), RefType::FUNCREF);
        let offset = ConstExpr::Value(Value::I32(0));
        let kind = ElementKind::Active { table, offset };
        let held = built.elements.add(kind, held);
        built.tables.get_mut(table).elem_segments.insert(held);
        built.exports.add("table", table);
        let before = bodies(&built);

        empty_defaults(&mut built);
        let after = bodies(&built);
        let changed: Vec<_> = before.iter().filter(|body| !after.contains(body)).collect();
        let [(name, code)] = changed.as_slice() else {
            panic!("{changed:?}");
        };
        assert!(name.contains("get_property") && code.contains("Const"));
        let emptied = after.iter().find(|(of, _)| of == name).unwrap();
        assert!(emptied.1.contains("Unreachable") && !emptied.1.contains("Const"));
        assert!(Module::from_buffer(&built.emit_wasm()).is_ok());
    }

    /// The functions that have names, with their code.
    fn bodies(module: &Module) -> Vec<(String, String)> {
        let named = module.funcs.iter_local().filter_map(|(id, function)| {
            let name = module.funcs.get(id).name.clone()?;
            let block = function.block(function.entry_block());
            Some((name, format!("{:?}", block.instrs)))
        });
        named.collect()
    }

    #[test]
    fn a_module_that_is_not_the_filter_is_refused() {
        let error = pack(&module(&["memory"])).unwrap_err().to_string();
        assert!(error.contains("does not export _initialize"), "{error}");
        assert!(pack(b"not wasm").is_err());
    }
}
