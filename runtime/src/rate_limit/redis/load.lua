-- Integers are bytes in struct.pack's little-endian form. A value is a head (generation I8, units used I4, for how much longer
-- than a window charges are held I8) and then entries (place I8, units I4), places ascending. All times are microseconds of the server's clock.
-- Between them, only where requests are at work: units in flight I4, and the second in which the last such unit was charged I4.
-- Entries are of 12 bytes, so the size tells whether it is there. It says what a full limit is told, never who is admitted.
local pack, unpack, floor = struct.pack, struct.unpack, math.floor

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- When a place is forgotten: the latest instant that it stands for is then a whole window ago.
local function leaves(state, place)
  return (place + 1) * state.step - 1 + state.window + state.hold
end

-- A process that died settles nothing: so many seconds after the last charge in flight none is any more.
local FORGOTTEN = 60

local states = {}

local function load(key, window, step, now)
  local state = states[key]
  if state then return state end
  state = { key = key, window = window, step = step, now = now, generation = now, used = 0, hold = 0, flying = 0, rest = '' }
  states[key] = state
  local raw = redis.call('GET', key)
  if not raw then return state end
  local size = #raw
  -- A clock that was set back stands still until it has caught up.
  local last = unpack('<I8', raw, size - 11) * step
  if last > now then state.now = last end
  local generation, used, hold = unpack('<I8I4I8', raw)
  state.hold = hold
  local at, flying, second = 21, 0, 0
  if size % 12 == 4 then
    flying, second = unpack('<I4I4', raw, at)
    if state.now / 1000000 - second > FORGOTTEN then flying = 0 end
    at = 29
  end
  while at < size do
    local place, units = unpack('<I8I4', raw, at)
    if leaves(state, place) > state.now then
      state.generation, state.used, state.first = generation, used, place
      state.flying, state.second = math.min(flying, used), second
      state.rest = raw:sub(at)
      break
    end
    used = used - units
    at = at + 12
  end
  return state
end

local function add(state, cost)
  local place = floor(state.now / state.step)
  local rest, size = state.rest, #state.rest
  state.used = state.used + cost
  if size > 0 then
    local last, units = unpack('<I8I4', rest, size - 11)
    if last == place then
      rest, cost = rest:sub(1, size - 12), units + cost
    end
  end
  state.rest = rest .. pack('<I8I4', place, cost)
  state.first = state.first or place
  state.changed = true
  return place
end

-- So many units are in flight no longer.
local function settle(state, units)
  if state.flying == 0 then return end
  state.flying, state.changed = math.max(state.flying - units, 0), true
end

-- How long until so many units are free.
local function wait(state, limit, cost, now)
  if cost > limit then return state.window end
  local used, at = state.used, 1
  while true do
    local place, units = unpack('<I8I4', state.rest, at)
    used = used - units
    if used + cost <= limit then return leaves(state, place) - now end
    at = at + 12
  end
end

-- An absolute time by the same clock: one that is relative would count from whenever the server looks.
local function store(state)
  if not state.changed then return end
  if state.used == 0 then
    redis.call('DEL', state.key)
  else
    local last = unpack('<I8', state.rest, #state.rest - 11)
    local flying = state.flying > 0 and pack('<I4I4', state.flying, state.second) or ''
    local value = pack('<I8I4I8', state.generation, state.used, state.hold) .. flying .. state.rest
    redis.call('SET', state.key, value, 'PXAT', floor(leaves(state, last) / 1000) + 1)
  end
end
