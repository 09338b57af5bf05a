-- The format of a value. Integers are packed by struct.pack in little-endian order; times are microseconds of the server's clock.
-- 1. Head: generation (I8), units charged (I4), and how much longer than a window charges are held (I8).
-- 2. Only if requests are in flight: their units (I4), and the second in which the last of these was charged (I4). The other
--    parts have 20 bytes and multiples of 12, so the size of the value shows whether this part exists. It only decides how a
--    full limit is reported to the client, and never whether a request is admitted.
-- 3. Entries in ascending order: slot (I8), units (I4). A slot is the time of the charge divided by the step.
local pack, unpack, floor = struct.pack, struct.unpack, math.floor

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- When the units of a slot are free again: a whole window after the latest instant of the slot.
local function expires_at(state, slot)
  return (slot + 1) * state.step - 1 + state.window + state.hold
end

-- A process that died settles nothing. So this many seconds after the last charge in flight, all of them count as settled.
local IN_FLIGHT_TIMEOUT = 60

local states = {}

local function load(key, window, step, now)
  local state = states[key]
  if state then return state end
  state = { key = key, window = window, step = step, now = now, generation = now, used = 0, hold = 0, in_flight = 0, entries = '' }
  states[key] = state
  local raw = redis.call('GET', key)
  if not raw then return state end
  local size = #raw
  -- If the clock was set back, time stops for this key until the clock has caught up.
  local last = unpack('<I8', raw, size - 11) * step
  if last > now then state.now = last end
  local generation, used, hold = unpack('<I8I4I8', raw)
  state.hold = hold
  local at, in_flight, second = 21, 0, 0
  if size % 12 == 4 then
    in_flight, second = unpack('<I4I4', raw, at)
    if state.now / 1000000 - second > IN_FLIGHT_TIMEOUT then in_flight = 0 end
    at = 29
  end
  while at < size do
    local slot, units = unpack('<I8I4', raw, at)
    if expires_at(state, slot) > state.now then
      state.generation, state.used, state.first = generation, used, slot
      state.in_flight, state.second = math.min(in_flight, used), second
      state.entries = raw:sub(at)
      break
    end
    used = used - units
    at = at + 12
  end
  return state
end

local function add(state, cost)
  local slot = floor(state.now / state.step)
  local entries, size = state.entries, #state.entries
  state.used = state.used + cost
  if size > 0 then
    local last, units = unpack('<I8I4', entries, size - 11)
    if last == slot then
      entries, cost = entries:sub(1, size - 12), units + cost
    end
  end
  state.entries = entries .. pack('<I8I4', slot, cost)
  state.first = state.first or slot
  state.changed = true
  return slot
end

-- This many units are no longer in flight.
local function settle(state, units)
  if state.in_flight == 0 then return end
  state.in_flight, state.changed = math.max(state.in_flight - units, 0), true
end

-- How long until this many units are free.
local function wait(state, limit, cost, now)
  if cost > limit then return state.window end
  local used, at = state.used, 1
  while true do
    local slot, units = unpack('<I8I4', state.entries, at)
    used = used - units
    if used + cost <= limit then return expires_at(state, slot) - now end
    at = at + 12
  end
end

-- Writes the value. The expiry is an absolute time by the same clock: a relative one would count from when the server executes it.
local function store(state)
  if not state.changed then return end
  if state.used == 0 then
    redis.call('DEL', state.key)
  else
    local last = unpack('<I8', state.entries, #state.entries - 11)
    local in_flight = state.in_flight > 0 and pack('<I4I4', state.in_flight, state.second) or ''
    local value = pack('<I8I4I8', state.generation, state.used, state.hold) .. in_flight .. state.entries
    redis.call('SET', state.key, value, 'PXAT', floor(expires_at(state, last) / 1000) + 1)
  end
end
