//! JSON as RFC 8259 defines it, read the plain way: one character after the other. It is the
//! oracle's, and shares nothing with the reader that the product uses.

/// Objects keep their members as written; numbers keep their text.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool,
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How deep the product's reader goes.
const DEEPEST: usize = 127;

/// A whole text, or `None`: also for a member that is there twice, at any depth.
pub fn read(text: &[u8]) -> Option<Json> {
    let characters = std::str::from_utf8(text).ok()?.chars().collect();
    let mut reader = Reader { characters, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == reader.characters.len()).then_some(value)
}

struct Reader {
    characters: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek();
        self.at += 1;
        character
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        word.chars().all(|c| self.take(c)).then_some(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        match self.peek()? {
            'n' => self.word("null", Json::Null),
            't' => self.word("true", Json::Bool),
            'f' => self.word("false", Json::Bool),
            '"' => self.text().map(Json::Text),
            '[' if depth < DEEPEST => self.array(depth + 1),
            '{' if depth < DEEPEST => self.object(depth + 1),
            '-' | '0'..='9' => self.number(),
            _ => None,
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut elements = Vec::new();
        self.space();
        if self.take(']') {
            return Some(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth)?);
            self.space();
            match self.next()? {
                ',' => {}
                ']' => return Some(Json::Array(elements)),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut members: Vec<(String, Json)> = Vec::new();
        self.space();
        if self.take('}') {
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.text()?;
            self.space();
            if !self.take(':') || members.iter().any(|(held, _)| *held == name) {
                return None;
            }
            members.push((name, self.value(depth)?));
            self.space();
            match self.next()? {
                ',' => {}
                '}' => return Some(Json::Object(members)),
                _ => return None,
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        if !self.take('"') {
            return None;
        }
        let mut text = String::new();
        loop {
            match self.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return None,
                character => text.push(character),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            plain @ ('"' | '\\' | '/') => plain,
            _ => return None,
        })
    }

    /// A character, or the two halves of one.
    fn unicode(&mut self) -> Option<char> {
        let unit = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&unit) {
            return char::from_u32(unit);
        }
        let low = (self.take('\\') && self.take('u')).then(|| self.four_digits())??;
        if !(0xdc00..0xe000).contains(&low) {
            return None;
        }
        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + self.next()?.to_digit(16)?;
        }
        Some(unit)
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        self.take('-');
        if !self.take('0') {
            self.digits()?;
        }
        if self.take('.') {
            self.digits()?;
        }
        if self.take('e') || self.take('E') {
            let _ = self.take('+') || self.take('-');
            self.digits()?;
        }
        let text: String = self.characters.get(start..self.at)?.iter().collect();
        // The product has no number for what a double cannot hold.
        let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
        finite.then_some(Json::Number(text))
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some('0'..='9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}
