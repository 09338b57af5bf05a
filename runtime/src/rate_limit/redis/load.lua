-- The format of a value. Integers are packed by struct.pack in little-endian order; times are microseconds of the server's clock.
-- 1. Head: generation (I8), units charged (I4), and how much longer than a window charges are held (I8).
-- 2. Only if requests are in flight: their units (I4), and the second in which the last of these was charged (I4). The other
--    parts have 20 bytes and multiples of 12, so the size of the value shows whether this part exists. It only decides how a
--    full limit is reported to the client, and never whether a request is admitted.
-- 3. Entries in ascending order: slot (I8), units (I4). A slot is the time of the charge divided by the step.
-- Each request runs this, so it does without what is slow: each part is unpacked once, a table has all its fields from the beginning
-- and at most 16, and an expiry that stays is not written.
local pack, unpack, sub, floor = struct.pack, struct.unpack, string.sub, math.floor
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- When the units of a slot are free again: a whole window after the latest instant of the slot.
local function expires_at(state, slot)
  return slot * state.step + state.lasts + state.hold
end

-- A process that died settles nothing. So this many seconds after the last charge in flight, all of them count as settled.
local IN_FLIGHT_TIMEOUT = 60

-- Each key as it is after the requests so far. Its entries are the bytes of raw from at on, and then tail. first and last are slots,
-- or false without entries. write is how SET treats the expiry, or false if nothing has changed.
local states = {}

local function load(key, window, step)
  if states[key] then return states[key] end
  local lasts, clock, generation, used, hold, in_flight, second = window + step - 1, now, now, 0, 0, 0, 0
  local at, first, last, last_units = 1, false, false, 0
  local raw = redis.call('GET', key)
  if raw then
    local size, slot, units = #raw, 0, 0
    generation, used, hold, slot, units = unpack('<I8I4I8I8I4', raw)
    at = 21
    if size % 12 == 4 then
      in_flight, second, slot, units = unpack('<I4I4I8I4', raw, at)
      at = 29
    end
    first, last, last_units = slot, slot, units
    if at < size - 11 then last, last_units = unpack('<I8I4', raw, size - 11) end
    -- If the clock was set back, time stops for this key until the clock has caught up.
    if last * step > now then clock = last * step end
    if clock / 1000000 - second > IN_FLIGHT_TIMEOUT then in_flight = 0 end
    while first and first * step + lasts + hold <= clock do
      used, at, first = used - units, at + 12, false
      if at < size then first, units = unpack('<I8I4', raw, at) end
    end
    if not first then generation, used, last = now, 0, false end
    if in_flight > used then in_flight = used end
  end
  states[key] = {
    key = key, step = step, lasts = lasts, hold = hold, now = clock, generation = generation, used = used,
    in_flight = in_flight, second = second, raw = raw or '', at = at, tail = '', first = first, last = last,
    last_units = last_units, write = false,
  }
  return states[key]
end

local function add(state, cost)
  local slot = floor(state.now / state.step)
  state.used = state.used + cost
  if state.last == slot then
    cost = state.last_units + cost
    if state.tail == '' then state.raw = sub(state.raw, 1, -13) end
    state.write = state.write or 'KEEPTTL'
  else
    state.last, state.write = slot, 'PXAT'
  end
  state.tail, state.last_units = pack('<I8I4', slot, cost), cost
  state.first = state.first or slot
  return slot
end

-- Writes the value. The expiry is an absolute time by the same clock: a relative one would count from when the server executes it.
local function store(state)
  if not state.write then return end
  if state.used == 0 then
    redis.call('DEL', state.key)
  else
    local in_flight = state.in_flight > 0 and pack('<I4I4', state.in_flight, state.second) or ''
    local head = pack('<I8I4I8', state.generation, state.used, state.hold)
    local value = head .. in_flight .. sub(state.raw, state.at) .. state.tail
    if state.write == 'KEEPTTL' then
      redis.call('SET', state.key, value, 'KEEPTTL')
    else
      redis.call('SET', state.key, value, 'PXAT', string.format('%d', floor(expires_at(state, state.last) / 1000) + 1))
    end
  end
  state.write = false
end
