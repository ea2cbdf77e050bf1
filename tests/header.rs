//! `include/tlsport.h`, the functions of `src/capi` and `ffi-tests/symbols.txt` tell the same: names, arguments,
//! constants, the layout of structs. What the built library exports is compared by `ffi-tests/run`.

#![cfg(feature = "capi")]
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADER: &str = include_str!("../include/tlsport.h");
const SYMBOLS: &str = include_str!("../ffi-tests/symbols.txt");

/// How a value is passed: what has to be equal on both sides for a call to work.
#[derive(Debug, PartialEq, Eq)]
enum Passed {
    Nothing,
    Int,
    Long,
    Size,
    Difference,
    Unsigned64,
    Pointer,
    Function(Box<Signature>),
}

impl Passed {
    fn by_c(declared: &str) -> Passed {
        if declared.contains("(*") {
            return Passed::Function(Box::new(Signature::by_c(declared).1));
        }
        let words = declared.replace("const ", "");
        match words.split(' ').next().unwrap_or_default() {
            callback if callback.ends_with("_callback") => function_type(callback),
            _ if words.contains('*') => Passed::Pointer,
            "void" => Passed::Nothing,
            "int" => Passed::Int,
            "long" => Passed::Long,
            "size_t" => Passed::Size,
            "ptrdiff_t" => Passed::Difference,
            "uint64_t" => Passed::Unsigned64,
            _ => panic!("C passes '{declared}', which this test does not know"),
        }
    }

    fn by_rust(declared: &str) -> Passed {
        match declared {
            "" => Passed::Nothing,
            "c_int" => Passed::Int,
            "c_long" => Passed::Long,
            "usize" => Passed::Size,
            "isize" => Passed::Difference,
            "u64" => Passed::Unsigned64,
            pointer if pointer.starts_with('*') => Passed::Pointer,
            function if function.starts_with("Option<") => Passed::aliased(&function[7..]),
            _ => panic!("Rust passes '{declared}', which this test does not know"),
        }
    }

    /// A function that may be null, by the alias of its type.
    fn aliased(alias: &str) -> Passed {
        let surface = surface();
        let definition = format!("type {} =", alias.trim_end_matches('>'));
        let (_, definition) = surface
            .split_once(&definition)
            .expect("an alias is defined");
        let (definition, _) = definition.split_once(';').expect("a definition ends");
        assert!(
            definition.contains("extern \"C-unwind\" fn"),
            "{definition}"
        );
        let (_, takes, gives) = around(definition, '(', ')').expect("a function takes arguments");
        Passed::Function(Box::new(Signature::by_rust(&parts(takes, ','), gives)))
    }

    /// Its size, which is its alignment too.
    fn bytes(&self) -> usize {
        match self {
            Passed::Nothing => 0,
            Passed::Int => 4,
            Passed::Unsigned64 => 8,
            _ => size_of::<usize>(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Signature {
    takes: Vec<Passed>,
    gives: Passed,
}

impl Signature {
    /// A function's name and signature, or a pointer to a function's.
    fn by_c(declared: &str) -> (String, Signature) {
        let bare = match declared.split_once('(') {
            Some((_, pointer)) if pointer.starts_with('*') => {
                declared.replacen("(*", "", 1).replacen(")(", "(", 1)
            }
            _ => declared.to_owned(),
        };
        let (before, takes, _) = around(&bare, '(', ')').expect("a function takes arguments");
        let (name, gives) = name_of(before);
        let takes = parts(takes, ',');
        let takes = takes.iter().map(|taken| Passed::by_c(taken));
        let signature = Signature {
            takes: takes.filter(|taken| *taken != Passed::Nothing).collect(),
            gives: Passed::by_c(gives),
        };
        (name.to_owned(), signature)
    }

    fn by_rust(takes: &[String], gives: &str) -> Signature {
        let gives = squeezed(gives);
        Signature {
            takes: takes.iter().map(|taken| Passed::by_rust(taken)).collect(),
            gives: Passed::by_rust(gives.trim_start_matches("-> ")),
        }
    }
}

/// Members of a struct in their order.
type Members = Vec<(String, Passed)>;

/// One space between words.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The parts of a text between separators that stand in no bracket; without empty ones.
fn parts(text: &str, separator: char) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        depth += i32::from("({[".contains(letter)) - i32::from(")}]".contains(letter));
        match parts.last_mut() {
            Some(part) if letter != separator || depth > 0 => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    let parts = parts.iter().map(|part| squeezed(part));
    parts.filter(|part| !part.is_empty()).collect()
}

/// A text around its first bracket and the one that closes it: before, inside, behind.
fn around(text: &str, open: char, close: char) -> Option<(&str, &str, &str)> {
    let begin = text.find(open)?;
    let mut depth = 0;
    for (place, letter) in text[begin..].char_indices() {
        depth += i32::from(letter == open) - i32::from(letter == close);
        if depth == 0 {
            let end = begin + place;
            return Some((&text[..begin], &text[begin + 1..end], &text[end + 1..]));
        }
    }
    None
}

/// The header's declarations: no comments, no preprocessor, no `extern "C"` around them.
fn declarations() -> Vec<String> {
    let mut text = String::new();
    let mut rest = HEADER;
    while let Some((code, comment)) = rest.split_once("/*") {
        text.push_str(code);
        rest = comment
            .split_once("*/")
            .expect("every comment of the header ends")
            .1;
    }
    text.push_str(rest);
    let guarded = |line: &&str| !line.starts_with('#');
    let text: Vec<&str> = text.lines().filter(guarded).collect();
    let text = text.join("\n").replace("TLSPORT_CHECK", "");
    let (_, text) = text
        .split_once("extern \"C\" {")
        .expect("the header opens extern \"C\"");
    let end = text.rfind('}').expect("and closes it");
    parts(&text[..end], ';')
}

/// The last word, which is what a declaration declares, and what stands before it.
fn name_of(declaration: &str) -> (&str, &str) {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let start = declaration.trim_end_matches(is_part).len();
    (&declaration[start..], declaration[..start].trim())
}

fn functions_of_the_header() -> BTreeMap<String, Signature> {
    let mut functions = BTreeMap::new();
    for declaration in declarations() {
        if declaration.starts_with("typedef") || !declaration.ends_with(')') {
            continue;
        }
        let (name, signature) = Signature::by_c(&declaration);
        assert_eq!(functions.insert(name.clone(), signature), None, "{name}");
    }
    functions
}

/// A function's type that has a name.
fn function_type(name: &str) -> Passed {
    let types = declarations();
    let types = types
        .iter()
        .filter_map(|text| text.strip_prefix("typedef "));
    let mut types = types.filter(|text| text.contains(&format!(" {name}(")));
    let found = types.next().expect("a function's type is declared");
    Passed::Function(Box::new(Signature::by_c(found).1))
}

fn structs_of_the_header() -> BTreeMap<String, Members> {
    let mut structs = BTreeMap::new();
    for declaration in declarations() {
        let Some(("typedef struct", body)) = declaration.split_once(" tlsport_") else {
            continue;
        };
        let Some((_, inside, name)) = around(body, '{', '}') else {
            continue; // an opaque one
        };
        let members = parts(inside, ';').into_iter().map(|member| {
            let name = match around(&member, '(', ')') {
                Some((_, function, _)) => function.trim_start_matches('*').to_owned(),
                None => name_of(&member).0.to_owned(),
            };
            (name, Passed::by_c(&member))
        });
        structs.insert(name.trim().to_owned(), members.collect());
    }
    structs
}

/// Names of the constants in enums.
fn constants_of_the_header() -> Vec<String> {
    let enums = declarations()
        .into_iter()
        .filter(|text| text.starts_with("enum "));
    let bodies =
        enums.filter_map(|text| around(&text, '{', '}').map(|(_, body, _)| parts(body, ',')));
    let names = bodies.flatten().map(|constant| {
        let name = constant
            .split_once(" = ")
            .expect("every constant says its number");
        name.0.to_owned()
    });
    names.collect()
}

/// The files of the C surface, one after the other.
fn surface() -> String {
    fn read(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, all);
            } else if path.extension().is_some_and(|end| end == "rs") {
                all.push(path);
            }
        }
    }
    let mut files = Vec::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/capi"),
        &mut files,
    );
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.collect::<Vec<_>>().join("\n")
}

fn functions_of_the_surface() -> BTreeMap<String, Signature> {
    let surface = surface();
    let mut functions = BTreeMap::new();
    for exported in surface.split("#[unsafe(no_mangle)]").skip(1) {
        let (before, inside, behind) =
            around(exported, '(', ')').expect("a function takes arguments");
        // The ABI of a function is in quotes before its name, and in no bracket.
        assert!(before.contains("extern \"C\" fn "), "{before}");
        let (name, _) = name_of(before);
        let (gives, _) = behind.split_once('{').expect("a function has a body");
        let takes = parts(inside, ',').into_iter().map(|taken| {
            let (_, taken) = taken.split_once(": ").expect("an argument has a type");
            taken.to_owned()
        });
        let signature = Signature::by_rust(&takes.collect::<Vec<_>>(), gives);
        assert_eq!(functions.insert(name.to_owned(), signature), None, "{name}");
    }
    functions
}

/// What follows a line of documentation that is nothing but the name of something in C.
fn mirrors(surface: &str, prefix: &str) -> Vec<(String, String)> {
    let mirrors = surface.split("/// `").skip(1).filter_map(|mirror| {
        let (name, code) = mirror.split_once("`\n")?;
        let is_one = name.starts_with(prefix) && !name.contains(' ');
        is_one.then(|| (name.to_owned(), code.to_owned()))
    });
    mirrors.collect()
}

/// Constants that mirror one of C: by its name, what Rust says.
fn constants_of_the_surface() -> BTreeMap<String, i64> {
    let mut constants = BTreeMap::new();
    for (name, code) in mirrors(&surface(), "TLSPORT_") {
        let (declared, _) = code.split_once(';').expect("a constant ends");
        let (_, value) = declared
            .split_once(": c_int = ")
            .unwrap_or_else(|| panic!("{name} is no c_int"));
        let value = value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is '{value}', not written as a number"));
        assert_eq!(constants.insert(name.clone(), value), None, "{name} twice");
    }
    constants
}

/// Structs that mirror one of C: by its name, the members.
fn structs_of_the_surface() -> BTreeMap<String, Members> {
    let mut structs = BTreeMap::new();
    for (name, code) in mirrors(&surface(), "tlsport_") {
        let Some((before, inside, _)) = around(&code, '{', '}') else {
            panic!("{name} has no members");
        };
        assert!(before.contains("#[repr(C)]"), "{name} is not repr(C)");
        let lines = inside
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let inside: String = lines.collect();
        let members = parts(&inside, ',').into_iter().map(|member| {
            let (name, declared) = member.split_once(": ").expect("a member has a type");
            (name_of(name).0.to_owned(), Passed::by_rust(declared))
        });
        structs.insert(name, members.collect());
    }
    structs
}

/// Compiles and runs a C program that prints a line for each expression.
fn in_c(expressions: &[String]) -> BTreeMap<String, i64> {
    let mut program = "#include \"tlsport.h\"\n#include <stdio.h>\nint main(void) {\n".to_owned();
    for expression in expressions {
        writeln!(program, "printf(\"%lld\\n\", (long long)({expression}));").unwrap();
    }
    program.push_str("return 0; }\n");
    let folder = tempfile::tempdir().unwrap();
    let (source, built) = (folder.path().join("print.c"), folder.path().join("print"));
    fs::write(&source, program).unwrap();
    let compiled = Command::new("cc")
        .args([
            "-std=c99",
            "-I",
            concat!(env!("CARGO_MANIFEST_DIR"), "/include"),
            "-o",
        ])
        .args([&built, &source])
        .status();
    assert!(compiled.unwrap().success());
    let printed = Command::new(&built).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let values = printed.lines().map(|line| line.parse().unwrap());
    expressions.iter().cloned().zip(values).collect()
}

#[test]
fn header_and_functions_agree_in_names_and_arguments() {
    let (header, surface) = (functions_of_the_header(), functions_of_the_surface());
    assert!(
        header.len() > 50,
        "the header could not be read: {header:?}"
    );
    let names = |functions: &BTreeMap<String, Signature>| -> BTreeSet<String> {
        functions.keys().cloned().collect()
    };
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
        a.difference(b).cloned().collect()
    };
    let (promised, made) = (names(&header), names(&surface));
    assert_eq!(only(&promised, &made), [""; 0], "promised and not made");
    assert_eq!(only(&made, &promised), [""; 0], "made and not promised");
    for (name, promised) in &header {
        assert_eq!(promised, &surface[name], "{name}: header, Rust");
    }
}

#[test]
fn symbols_are_the_functions_of_the_header_in_order() {
    let header: Vec<String> = functions_of_the_header().into_keys().collect();
    let symbols: Vec<&str> = SYMBOLS.lines().collect();
    assert_eq!(symbols, header);
}

#[test]
fn constants_are_the_same_numbers() {
    let names = constants_of_the_header();
    assert!(names.len() > 20, "the header could not be read: {names:?}");
    assert_eq!(constants_of_the_surface(), in_c(&names));
}

#[test]
fn structs_have_the_same_members_at_the_same_places() {
    let (header, surface) = (structs_of_the_header(), structs_of_the_surface());
    assert_eq!(surface, header);
    for (name, members) in &surface {
        let mut expected = BTreeMap::new();
        let mut end: usize = 0;
        for (member, passed) in members {
            let place = end.next_multiple_of(passed.bytes());
            expected.insert(format!("offsetof({name}, {member})"), place as i64);
            end = place + passed.bytes();
        }
        let size = end.next_multiple_of(size_of::<usize>());
        expected.insert(format!("sizeof({name})"), size as i64);
        let expressions: Vec<String> = expected.keys().cloned().collect();
        assert_eq!(in_c(&expressions), expected);
    }
}

#[test]
fn the_header_has_the_version_of_the_package() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(HEADER.contains(&format!("#define TLSPORT_VERSION \"{version}\"\n")));
    let numbers = version.split('.').map(|part| part.parse::<i64>().unwrap());
    let number = numbers.fold(0, |number, part| number << 8 | part);
    let printed = in_c(&["TLSPORT_VERSION_NUMBER".to_owned()]);
    assert_eq!(printed.into_values().next(), Some(number));
}
