//! What Redis is told to do.
//!
//! Threat: between a read and a write of two commands another process comes (CWE-362); a clock that is set back opens a quota.
//! Promise: one script reads, decides and writes, by the clock of the server that holds the key; an instant earlier than the
//! last charge counts as that one.

use std::sync::LazyLock;

use redis::{Cmd, Script, ToRedisArgs, cmd};

use super::super::ask::Ask;
use super::super::limit::{Limit, SUB_WINDOWS};

/// The state of one client in one bucket is a text: when it was begun, which tells it from one that came before, and its charges,
/// oldest first: the place (a microsecond, or the number of a sub-window) and how many units. All big-endian.
///
/// An entry leaves when the last instant of its place is a window ago: never too early, and too late by less than a place.
const STATE: &str = r"
local function read(key, step, window)
  local raw = redis.call('GET', key)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local state = {now = now, at = now, born = now, used = 0, places = {}, units = {}}
  if not raw then return state end
  local fields = {struct.unpack('>I7' .. string.rep('I7I4', (#raw - 7) / 11), raw)}
  state.born = fields[1]
  local count = #fields
  local last = count > 2 and fields[count - 2] or 0
  if last * step > now then state.at = last * step end
  for i = 2, count - 1, 2 do
    if (fields[i] + 1) * step - 1 + window > state.at then
      state.places[#state.places + 1] = fields[i]
      state.units[#state.units + 1] = fields[i + 1]
      state.used = state.used + fields[i + 1]
    end
  end
  return state
end

local function leaves(state, i, step, window)
  return math.max((state.places[i] + 1) * step - 1 + window - state.now, 1)
end

local function write(key, state, step, window)
  local count = #state.places
  if count == 0 then return redis.call('DEL', key) end
  local fields = {state.born}
  for i = 1, count do
    fields[2 * i] = state.places[i]
    fields[2 * i + 1] = state.units[i]
  end
  local raw = struct.pack('>I7' .. string.rep('I7I4', count), unpack(fields))
  redis.call('SET', key, raw, 'PX', math.ceil(leaves(state, count, step, window) / 1000) + 1)
end

local function reset(state, step, window)
  if #state.places == 0 then return 0 end
  return leaves(state, 1, step, window)
end
";

/// KEYS: one for each ask. ARGV: the mode, and for each ask limit, window, place length, cost, and whether it binds.
const DECIDE_BODY: &str = r"
local mode = ARGV[1]
local asks, refused = {}, false
for i = 1, #KEYS do
  local a = 5 * i - 3
  local ask = {limit = tonumber(ARGV[a]), window = tonumber(ARGV[a + 1]), step = tonumber(ARGV[a + 2]),
               cost = tonumber(ARGV[a + 3]), binds = ARGV[a + 4] == '1'}
  ask.state = read(KEYS[i], ask.step, ask.window)
  local room = ask.limit - ask.state.used
  if mode == 'charge' then ask.cost = math.min(ask.cost, math.max(room, 0)) end
  ask.fits = ask.cost <= room
  if not ask.fits and ask.binds then refused = true end
  asks[i] = ask
end
local answer = {}
local function say(status, left, wait, place, ask)
  local a = #answer
  answer[a + 1], answer[a + 2], answer[a + 3] = status, left, wait
  answer[a + 4], answer[a + 5], answer[a + 6] = place, ask.state.born, ask.state.now
end
for i = 1, #KEYS do
  local ask = asks[i]
  local state, step, window = ask.state, ask.step, ask.window
  local left = math.max(ask.limit - state.used, 0)
  if mode == 'reset' then
    if #state.places > 0 then
      redis.call('SET', KEYS[i], struct.pack('>I7', math.max(state.now, state.born + 1)), 'PX', 1000)
    end
    say(2, ask.limit, 0, 0, ask)
  elseif mode == 'peek' then
    say(2, left, reset(state, step, window), 0, ask)
  elseif not ask.fits then
    local wait, free = window, left
    for e = 1, #state.places do
      free = free + state.units[e]
      if free >= ask.cost then wait = leaves(state, e, step, window) break end
    end
    say(0, left, wait, 0, ask)
  elseif refused or ask.cost == 0 then
    say(2, left, reset(state, step, window), 0, ask)
  else
    local place, count = math.floor(state.at / step), #state.places
    if state.places[count] == place then
      state.units[count] = state.units[count] + ask.cost
    else
      state.places[count + 1], state.units[count + 1] = place, ask.cost
    end
    write(KEYS[i], state, step, window)
    say(1, left - ask.cost, reset(state, step, window), place, ask)
  end
end
return answer
";

/// KEYS: the charge's. ARGV: limit, window, place length, cost, place, generation.
const RELEASE_BODY: &str = r"
local limit, window, step = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = read(KEYS[1], step, window)
if state.born == tonumber(ARGV[6]) then
  for i = 1, #state.places do
    if state.places[i] == tonumber(ARGV[5]) then
      local back = math.min(tonumber(ARGV[4]), state.units[i])
      state.units[i], state.used = state.units[i] - back, state.used - back
      if state.units[i] == 0 then
        table.remove(state.places, i)
        table.remove(state.units, i)
      end
      write(KEYS[1], state, step, window)
      break
    end
  end
end
return {2, math.max(limit - state.used, 0), reset(state, step, window), 0, state.born, state.now}
";

pub(super) struct Source {
    text: String,
    hash: String,
}

impl Source {
    fn new(body: &str) -> Self {
        let text = format!("{STATE}{body}");
        let hash = Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }
}

pub(super) static DECIDE: LazyLock<Source> = LazyLock::new(|| Source::new(DECIDE_BODY));
pub(super) static RELEASE: LazyLock<Source> = LazyLock::new(|| Source::new(RELEASE_BODY));

/// What is done with each ask.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    Reserve,
    Charge,
    Peek,
    Reset,
}

impl ToRedisArgs for Mode {
    fn write_redis_args<W: ?Sized + redis::RedisWrite>(&self, out: &mut W) {
        out.write_arg(match self {
            Mode::Reserve => b"reserve",
            Mode::Charge => b"charge",
            Mode::Peek => b"peek",
            Mode::Reset => b"reset",
        });
    }
}

/// One call of a script.
pub(super) struct Call {
    source: &'static Source,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl Call {
    pub(super) fn new(source: &'static LazyLock<Source>) -> Self {
        Self { source, keys: Vec::with_capacity(1), arguments: Vec::with_capacity(6) }
    }

    pub(super) fn key(&mut self, key: &str) {
        self.keys.push(key.to_owned());
    }

    pub(super) fn argument(&mut self, argument: impl ToRedisArgs) {
        self.arguments.extend(argument.to_redis_args());
    }

    pub(super) fn ask(&mut self, ask: &Ask<'_>) {
        terms(ask.limit).into_iter().for_each(|term| self.argument(term));
        self.argument(ask.cost.max(1));
        self.argument(u8::from(ask.binding));
    }

    /// By its hash, as long as the server knows it.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.source.hash)
    }

    /// With its text, which the server then knows.
    pub(super) fn by_text(&self) -> Cmd {
        self.command("EVAL", &self.source.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}

/// Limit, window and length of a place, in microseconds. Rounded up: a charge is held longer, never shorter.
pub(super) fn terms(limit: Limit) -> [u64; 3] {
    let window = limit.nanos().div_ceil(1000);
    let place = if limit.limit() <= Limit::EXACT { 1 } else { window.div_ceil(SUB_WINDOWS) };
    [u64::from(limit.limit()), window, place]
}
