//! WebSocket frames (RFC 6455 §5), read where they lie.
//!
//! No sockets in here: bytes in, positions out. *Invariant:* never fails:
//! what is not understood is [`Odd`], and whoever asks goes on without
//! reading. *Invariant:* linear in the bytes, however they come in pieces.

/// The longest head of a frame: two bytes, eight of length, four of mask.
const LONGEST_HEAD: usize = 14;

/// The longest payload of a control frame.
const LONGEST_CONTROL: u64 = 125;

/// The longest message that is overheard, in bytes; a longer one is skipped.
pub(super) const LONGEST_HEARD: usize = 4 << 20;

/// The bytes are no frames as both ends have agreed on, or in no order that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// Who sends: a client masks what it sends, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The next part of a message.
    Continuation,
    Text,
    Binary,
    Close,
    /// Ping or pong.
    Beat,
}

impl Kind {
    /// The kind that a frame's first byte tells.
    fn read(first: u8) -> Result<Kind, Odd> {
        let last = first & 0x80 != 0;
        match first & 0x7f {
            0 => Ok(Kind::Continuation),
            1 => Ok(Kind::Text),
            2 => Ok(Kind::Binary),
            8 if last => Ok(Kind::Close),
            9 | 10 if last => Ok(Kind::Beat),
            // Reserved bits and kinds belong to extensions; nobody has agreed on any.
            _ => Err(Odd),
        }
    }

    /// Whether a message has to be open where such a frame stands; `None`: it may stand anywhere.
    fn continues(self) -> Option<bool> {
        match self {
            Kind::Continuation => Some(true),
            Kind::Text | Kind::Binary => Some(false),
            Kind::Close | Kind::Beat => None,
        }
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// The last part of its message.
    last: bool,
    kind: Kind,
    mask: [u8; 4],
    /// How long the head is, and the payload behind it, in bytes.
    len: usize,
    payload: u64,
}

impl Head {
    /// The head at the start of `bytes`; `None` while it has not all come. What is odd is told
    /// with the first byte that shows it.
    fn read(bytes: &[u8], from: Side) -> Result<Option<Head>, Odd> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (kind, last) = (Kind::read(first)?, first & 0x80 != 0);
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if (second & 0x80 != 0) != (from == Side::Client) {
            return Err(Odd);
        }
        let (payload, end) = match second & 0x7f {
            126 => match bytes.get(2..4) {
                Some(length) => (length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10) {
                Some([first, ..]) if 0x7f < *first => return Err(Odd),
                Some(length) => (length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        if matches!(kind, Kind::Close | Kind::Beat) && LONGEST_CONTROL < payload {
            return Err(Odd);
        }
        let (mask, len) = match from {
            Side::Server => ([0; 4], end),
            Side::Client => match bytes.get(end..end + 4) {
                Some(mask) => ([mask[0], mask[1], mask[2], mask[3]], end + 4),
                None => return Ok(None),
            },
        };
        Ok(Some(Head { last, kind, mask, len, payload }))
    }

    /// The whole frame's length; more than memory can hold is as much as it can.
    fn whole(&self) -> usize {
        usize::try_from(self.payload).unwrap_or(usize::MAX).saturating_add(self.len)
    }
}

/// What to do with the bytes that came from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// More has to come first.
    Wait,
    /// So many bytes pass as they are.
    Pass(usize),
    /// So many bytes pass as they are, and so does the rest of a message that is too long to be read whole.
    TooLong(usize),
    /// So many bytes are the frames of a whole text message, with the control frames between them.
    Message(usize),
}

/// Divides what a client sends into text messages, read whole, and all else, which passes.
#[derive(Debug)]
pub(super) struct Divider {
    /// The longest message that is read whole, in bytes of its frames.
    longest: usize,
    /// How much of a text message has come in whole frames; 0 outside of one.
    held: usize,
    /// How much of a frame that passes is still to come.
    passing: u64,
    /// Inside a message that passes.
    open: bool,
}

impl Divider {
    pub(super) fn new(longest: usize) -> Divider {
        Divider { longest, held: 0, passing: 0, open: false }
    }

    /// What the first of these bytes are. The same bytes are shown again, with more behind them,
    /// until they are passed or taken.
    ///
    /// # Errors
    /// [`Odd`]: from here on nothing is understood.
    pub(super) fn next(&mut self, came: &[u8]) -> Result<Part, Odd> {
        if 0 < self.passing && !came.is_empty() {
            return Ok(Part::Pass(self.pass(0, came.len())));
        }
        loop {
            let rest = came.get(self.held..).unwrap_or_default();
            let Some(&first) = rest.first() else { return Ok(Part::Wait) };
            let kind = Kind::read(first)?;
            let holds = 0 < self.held;
            if kind.continues().is_some_and(|continues| continues != (holds || self.open)) {
                return Err(Odd);
            }
            let Some(head) = Head::read(rest, Side::Client)? else { return Ok(Part::Wait) };
            let end = self.held.saturating_add(head.whole());
            let in_message = matches!(kind, Kind::Text | Kind::Continuation);
            match kind {
                Kind::Beat if holds => {}
                Kind::Beat => return Ok(self.passes(head, came.len(), Part::Pass)),
                // What was begun before it is never ended.
                Kind::Close => {
                    self.open |= holds;
                    return Ok(self.passes(head, came.len(), Part::Pass));
                }
                Kind::Text => {}
                Kind::Continuation if holds => {}
                Kind::Binary | Kind::Continuation => {
                    self.open = !head.last;
                    return Ok(self.passes(head, came.len(), Part::Pass));
                }
            }
            if self.longest < end {
                self.open = !(in_message && head.last);
                return Ok(self.passes(head, came.len(), Part::TooLong));
            }
            if came.len() < end {
                return Ok(Part::Wait);
            }
            if in_message && head.last {
                self.held = 0;
                return Ok(Part::Message(end));
            }
            self.held = end;
        }
    }

    /// True between two frames, where no message is open.
    pub(super) fn is_between(&self) -> bool {
        self.passing == 0 && self.held == 0 && !self.open
    }

    /// How much of a text message may have to be held before [`Divider::next`] says what it is:
    /// beyond it there is no use in reading on.
    pub(super) fn room(&self) -> usize {
        self.longest + LONGEST_HEAD
    }

    /// All that is held, and the frame behind it, pass.
    fn passes(&mut self, head: Head, came: usize, part: fn(usize) -> Part) -> Part {
        self.passing = head.payload;
        let begun = std::mem::take(&mut self.held) + head.len;
        part(self.pass(begun, came))
    }

    /// `begun` bytes pass, and what has come of the frame's payload behind them.
    fn pass(&mut self, begun: usize, came: usize) -> usize {
        let more = (came - begun).min(usize::try_from(self.passing).unwrap_or(usize::MAX));
        self.passing -= more as u64;
        begun + more
    }
}

/// A client's text message, out of its frames.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// What it says.
    pub(super) text: Vec<u8>,
    /// The control frames that came between its parts, as they came.
    pub(super) between: Vec<u8>,
    /// The longest of its parts, in bytes.
    pub(super) part: usize,
}

impl Message {
    /// Reads the frames that a [`Divider`] has found to be one message.
    ///
    /// # Errors
    /// [`Odd`] when they are none.
    pub(super) fn read(frames: &[u8]) -> Result<Message, Odd> {
        let mut message = Message::default();
        let mut at = 0;
        while at < frames.len() {
            let head = Head::read(&frames[at..], Side::Client)?.ok_or(Odd)?;
            let frame = at.checked_add(head.whole()).and_then(|end| frames.get(at..end)).ok_or(Odd)?;
            match head.kind {
                Kind::Beat => message.between.extend_from_slice(frame),
                Kind::Text | Kind::Continuation => {
                    let payload = &frame[head.len..];
                    message.part = message.part.max(payload.len());
                    let begun = message.text.len();
                    message.text.extend_from_slice(payload);
                    mask(&mut message.text[begun..], head.mask);
                }
                Kind::Binary | Kind::Close => return Err(Odd),
            }
            at += frame.len();
        }
        Ok(message)
    }

    /// The frames that say `text` instead, no part longer than the longest that came, each
    /// masked with what `chance` gives; the control frames go ahead of it.
    pub(super) fn say(&self, text: &[u8], mut chance: impl FnMut() -> [u8; 4]) -> Vec<u8> {
        let longest = self.part.max(1);
        let parts = text.len().div_ceil(longest).max(1);
        let mut frames = Vec::with_capacity(self.between.len() + text.len() + parts * LONGEST_HEAD);
        frames.extend_from_slice(&self.between);
        for part in 0..parts {
            let payload = &text[part * longest..text.len().min((part + 1) * longest)];
            let kind = if part == 0 { 1 } else { 0 };
            let last = if part + 1 == parts { 0x80 } else { 0 };
            let key = chance();
            frames.push(last | kind);
            match payload.len() {
                short @ 0..=125 => frames.push(0x80 | short as u8),
                middle @ 126..=0xffff => {
                    frames.push(0x80 | 126);
                    frames.extend_from_slice(&(middle as u16).to_be_bytes());
                }
                long => {
                    frames.push(0x80 | 127);
                    frames.extend_from_slice(&(long as u64).to_be_bytes());
                }
            }
            frames.extend_from_slice(&key);
            let begun = frames.len();
            frames.extend_from_slice(payload);
            mask(&mut frames[begun..], key);
        }
        frames
    }
}

/// Masks, or takes the mask off: it is the same.
fn mask(payload: &mut [u8], key: [u8; 4]) {
    for four in payload.chunks_mut(4) {
        four.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
}

/// Overhears a server's text messages as their bytes pass.
///
/// Holds at most [`LONGEST_HEARD`] bytes.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// A head that has not all come yet.
    head: Vec<u8>,
    /// How much of the current frame's payload is still to come.
    left: u64,
    /// What has come of the text message that is open.
    text: Vec<u8>,
    inside: Inside,
    /// What the current frame does to the message when it has all come.
    frame: Frame,
}

/// Which message the frames are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    /// One that is listened to.
    Text,
    /// A binary one, or one that is too long.
    Skipped,
}

/// What a frame does to its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Frame {
    /// Nothing: a control frame.
    #[default]
    Aside,
    /// Adds to it.
    Part,
    /// Adds to it and ends it.
    Last,
}

impl Messages {
    /// Takes the next bytes and calls `each` for every text message that ends in them.
    ///
    /// # Errors
    /// [`Odd`]: from here on nothing is understood.
    pub(super) fn hear(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Odd> {
        while !bytes.is_empty() {
            if self.left == 0 {
                let Some(read) = self.begin(bytes)? else { return Ok(()) };
                bytes = &bytes[read..];
            }
            let here = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (payload, rest) = bytes.split_at(here);
            bytes = rest;
            self.left -= here as u64;
            self.take(payload, &mut each);
        }
        Ok(())
    }

    /// True between two frames, where no message is open.
    pub(super) fn is_between(&self) -> bool {
        self.left == 0 && self.head.is_empty() && self.inside == Inside::Nothing
    }

    /// Reads a head; gives how many of `bytes` belong to it, or `None` when all do and it is not whole.
    fn begin(&mut self, bytes: &[u8]) -> Result<Option<usize>, Odd> {
        let known = self.head.len();
        let few = &bytes[..bytes.len().min(LONGEST_HEAD)];
        let head = if known == 0 {
            Head::read(few, Side::Server)?
        } else {
            self.head.extend_from_slice(few);
            Head::read(&self.head, Side::Server)?
        };
        let Some(head) = head else {
            if known == 0 {
                self.head.extend_from_slice(few);
            }
            return Ok(None);
        };
        self.head.clear();
        self.left = head.payload;
        self.frame = match (head.kind, self.inside) {
            (Kind::Close | Kind::Beat, _) => Frame::Aside,
            (Kind::Continuation, Inside::Text | Inside::Skipped) => Frame::of(head.last),
            (Kind::Text, Inside::Nothing) => {
                self.inside = Inside::Text;
                Frame::of(head.last)
            }
            (Kind::Binary, Inside::Nothing) => {
                self.inside = Inside::Skipped;
                Frame::of(head.last)
            }
            _ => return Err(Odd),
        };
        Ok(Some(head.len - known))
    }

    /// Takes what has come of the current frame's payload.
    fn take(&mut self, payload: &[u8], each: &mut impl FnMut(&[u8])) {
        if self.frame == Frame::Aside {
            return;
        }
        let ends = self.left == 0 && self.frame == Frame::Last;
        if self.inside == Inside::Text {
            if ends && self.text.is_empty() {
                // Most messages arrive whole: they are read where they lie.
                each(payload);
            } else if LONGEST_HEARD < self.text.len() + payload.len() {
                self.text = Vec::new();
                self.inside = Inside::Skipped;
            } else {
                self.text.extend_from_slice(payload);
                if ends {
                    each(&self.text);
                }
            }
        }
        if ends {
            self.inside = Inside::Nothing;
            self.text.clear();
            // One long message does not keep its memory for the whole connection.
            self.text.shrink_to(64 << 10);
        }
    }
}

impl Frame {
    fn of(last: bool) -> Frame {
        if last { Frame::Last } else { Frame::Part }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame, written by the letter of the RFC.
    pub(in crate::proxy) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
        let masked = if key.is_some() { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..=125 => frame.push(masked | len as u8),
            len @ 126..=65535 => {
                frame.push(masked | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(masked | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend(key.unwrap_or_default().iter().take(if key.is_some() { 4 } else { 0 }));
        frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key.map_or(0, |key| key[at % 4])));
        frame
    }

    /// What one side sends: a message in parts, with control frames between them, or control frames.
    #[derive(Clone, Debug)]
    enum Sent {
        Message { text: bool, parts: Vec<(Vec<u8>, Option<Vec<u8>>)> },
        Beat(Vec<u8>),
    }

    fn sent() -> impl Strategy<Value = Vec<Sent>> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
        let length = prop_oneof![8 => 0..200usize, 1 => 65_500..65_600usize];
        let part = (length, any::<u8>()).prop_map(|(length, seed)| {
            (0..length).map(|at| seed.wrapping_mul(31).wrapping_add(at as u8)).collect::<Vec<u8>>()
        });
        let parts = prop::collection::vec((part, prop::option::of(bytes(126))), 1..4);
        let message = (any::<bool>(), parts).prop_map(|(text, parts)| Sent::Message { text, parts });
        prop::collection::vec(prop_oneof![3 => message, 1 => bytes(126).prop_map(Sent::Beat)], 0..8)
    }

    /// A text message, and the control frames between its parts.
    type Told = (Vec<u8>, Vec<u8>);

    /// The bytes of it all, and the text messages in it with the control frames between their parts.
    fn written(sent: &[Sent], mut key: impl FnMut() -> Option<[u8; 4]>) -> (Vec<u8>, Vec<Told>) {
        let (mut bytes, mut texts) = (Vec::new(), Vec::new());
        for sent in sent {
            match sent {
                Sent::Beat(payload) => bytes.extend(frame(0x89, payload, key())),
                Sent::Message { text, parts } => {
                    let mut between = Vec::new();
                    for (number, (part, beat)) in parts.iter().enumerate() {
                        let kind = match number {
                            0 => 2 - u8::from(*text),
                            _ => 0,
                        };
                        let last = if number + 1 == parts.len() { 0x80 } else { 0 };
                        bytes.extend(frame(last | kind, part, key()));
                        if let Some(beat) = beat.as_ref().filter(|_| last == 0) {
                            let beat = frame(0x8a, beat, key());
                            bytes.extend(&beat);
                            between.extend(beat);
                        }
                    }
                    if *text {
                        texts.push((parts.iter().flat_map(|(part, _)| part.clone()).collect(), between));
                    }
                }
            }
        }
        (bytes, texts)
    }

    /// Shows `bytes` to a divider in pieces; gives what left, in order, and the messages.
    fn divided(
        bytes: &[u8],
        longest: usize,
        mut piece: impl FnMut() -> usize,
    ) -> (Vec<u8>, Vec<Message>, Result<(), Odd>) {
        let mut divider = Divider::new(longest);
        let (mut came, mut rest) = (Vec::new(), bytes);
        let (mut left, mut messages) = (Vec::new(), Vec::new());
        loop {
            let leaves = match divider.next(&came) {
                Ok(Part::Wait) if rest.is_empty() => return (left, messages, Ok(())),
                Ok(Part::Wait) => {
                    assert!(came.len() < divider.room(), "it waits for ever");
                    let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
                    came.extend_from_slice(now);
                    rest = later;
                    continue;
                }
                Ok(Part::Pass(leaves) | Part::TooLong(leaves)) => leaves,
                Ok(Part::Message(leaves)) => {
                    messages.push(Message::read(&came[..leaves]).unwrap());
                    leaves
                }
                Err(Odd) => return (left, messages, Err(Odd)),
            };
            assert!(0 < leaves, "it goes nowhere");
            left.extend(came.drain(..leaves));
        }
    }

    fn overheard(bytes: &[u8], mut piece: impl FnMut() -> usize) -> (Vec<Vec<u8>>, Result<(), Odd>) {
        let (mut messages, mut heard, mut rest) = (Messages::default(), Vec::new(), bytes);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
            rest = later;
            if messages.hear(now, |text| heard.push(text.to_vec())).is_err() {
                return (heard, Err(Odd));
            }
        }
        (heard, Ok(()))
    }

    /// Numbers that differ and repeat.
    fn round<T: Copy>(these: Vec<T>) -> impl FnMut() -> T {
        let mut at = 0;
        move || {
            at += 1;
            these[at % these.len()]
        }
    }

    proptest! {
        // Some of the frames are long, and some of the pieces a byte.
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn every_byte_leaves_as_it_came_and_every_text_is_read(
            sent in sent(),
            keys in prop::collection::vec(any::<[u8; 4]>(), 1..5),
            pieces in prop::collection::vec(prop_oneof![1..9usize, 1..70_000usize], 1..6),
        ) {
            let mut key = round(keys);
            let (bytes, texts) = written(&sent, || Some(key()));
            let (left, messages, all) = divided(&bytes, 1 << 20, round(pieces));
            prop_assert_eq!(all, Ok(()));
            prop_assert!(left == bytes, "{} of {} bytes", left.len(), bytes.len());
            let read: Vec<_> = messages.into_iter().map(|it| (it.text, it.between)).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn a_message_that_is_too_long_passes_and_the_next_is_read(
            sent in sent(), longest in 20..300usize,
            pieces in prop::collection::vec(1..400usize, 1..6),
        ) {
            let (bytes, texts) = written(&sent, || Some([1, 2, 3, 4]));
            let (left, messages, all) = divided(&bytes, longest, round(pieces));
            prop_assert_eq!(all, Ok(()));
            prop_assert!(left == bytes);
            // Those that are read are some of those that were sent, in order.
            let mut all = texts.iter();
            for message in &messages {
                prop_assert!(message.text.len() <= longest);
                prop_assert!(all.any(|(text, _)| *text == message.text));
            }
        }

        #[test]
        fn whatever_comes_is_passed_in_order_until_it_is_odd(
            bytes in prop::collection::vec(prop_oneof![prop::sample::select(vec![0u8, 1, 0x80, 0x81, 0x82, 0x88, 0x89, 0xfe, 0xff]), any::<u8>()], 0..400),
            pieces in prop::collection::vec(1..50usize, 1..4),
        ) {
            let (left, _, _) = divided(&bytes, 100, round(pieces.clone()));
            prop_assert_eq!(&bytes[..left.len()], &left[..]);
            let _ = overheard(&bytes, round(pieces));
        }

        #[test]
        fn a_server_is_overheard_the_same_however_its_bytes_come(
            sent in sent(),
            pieces in prop::collection::vec(prop_oneof![1..9usize, 1..70_000usize], 1..6),
        ) {
            let (bytes, texts) = written(&sent, || None);
            let (heard, all) = overheard(&bytes, round(pieces));
            prop_assert_eq!(all, Ok(()));
            let texts: Vec<_> = texts.into_iter().map(|(text, _)| text).collect();
            prop_assert!(heard == texts, "{} of {} texts", heard.len(), texts.len());
        }

        #[test]
        fn what_is_said_instead_is_read_back(
            sent in sent(),
            said in prop::collection::vec(any::<u8>(), 0..2000),
            keys in prop::collection::vec(any::<[u8; 4]>(), 1..5),
        ) {
            let (bytes, _) = written(&sent, || Some([9, 8, 7, 6]));
            let (_, messages, _) = divided(&bytes, 1 << 20, || 4096);
            for message in messages {
                let mut key = round(keys.clone());
                let frames = message.say(&said, &mut key);
                let back = Message::read(&frames).unwrap();
                prop_assert_eq!(&back.text, &said);
                prop_assert_eq!(&back.between, &message.between);
                prop_assert!(back.part <= message.part.max(1));
                let (left, again, all) = divided(&frames, 1 << 20, || 7);
                prop_assert_eq!((left, all), (frames, Ok(())));
                prop_assert_eq!(again.len(), 1);
            }
        }
    }

    #[test]
    fn what_nobody_has_agreed_on_is_odd_with_the_first_byte_that_shows_it() {
        let cases: &[(&str, &[u8])] = &[
            ("a part of nothing", &[0x80]),
            ("a compressed message", &[0xc1]),
            ("another extension's bit", &[0x91]),
            ("a reserved kind", &[0x83]),
            ("a reserved control frame", &[0x8b]),
            ("a ping in parts", &[0x09]),
            ("a message without a mask", &[0x81, 5]),
            ("a long ping", &[0x89, 0xfe, 1, 0, 0, 0, 0, 0]),
            ("a length that is none", &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            ("a message inside a message", &[&frame(1, b"a", Some([0; 4]))[..], &[0x81]].concat()),
            ("another kind inside a message", &[&frame(2, b"a", Some([0; 4]))[..], &[0x81]].concat()),
        ];
        for (what, bytes) in cases {
            let (_, _, all) = divided(bytes, 1000, || 1);
            assert_eq!(all, Err(Odd), "{what}");
        }
    }

    #[test]
    fn a_goodbye_inside_a_message_does_not_wait_for_its_end() {
        let bytes = [frame(1, b"never ended", Some([1; 4])), frame(0x88, &[3, 232], Some([2; 4]))].concat();
        let (left, messages, all) = divided(&bytes, 1000, || 5);
        assert_eq!((left, messages.len(), all), (bytes, 0, Ok(())));
    }

    #[test]
    fn a_message_that_is_too_long_to_be_heard_is_skipped_and_the_next_is_not() {
        let long = vec![b'x'; LONGEST_HEARD + 1];
        let bytes = [frame(1, &long, None), frame(0x80, b"", None), frame(0x81, b"next", None)].concat();
        let (heard, all) = overheard(&bytes, || 100_000);
        assert_eq!((heard, all), (vec![b"next".to_vec()], Ok(())));
    }
}
