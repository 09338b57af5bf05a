-- Changes or reads charges that were decided before.
-- KEYS: one for each act.
-- ARGV, for each act: mode (0 read, 1 refund, 2 charge as many units as there is room for, 3 forget, 4 keep units in flight,
-- 5 refund units in flight), window, step, limit, units, generation, slot.
-- Answer, for each act: units left, microseconds until the next unit is free.

local function refund(state, slot, units)
  local entries = sub(state.raw, state.at) .. state.tail
  for at = 1, #entries, 12 do
    local held, count = unpack('<I8I4', entries, at)
    if held == slot then
      units = math.min(units, count)
      local kept = count > units and pack('<I8I4', slot, count - units) or ''
      entries = sub(entries, 1, at - 1) .. kept .. sub(entries, at + 12)
      state.raw, state.at, state.tail, state.used, state.write = entries, 1, '', state.used - units, 'PXAT'
      state.first, state.last = false, false
      if #entries > 0 then
        state.first = unpack('<I8', entries)
        state.last, state.last_units = unpack('<I8I4', entries, #entries - 11)
      end
      return
    end
  end
end

-- This many units are no longer in flight.
local function settle(state, units)
  if state.in_flight == 0 then return end
  state.in_flight, state.write = math.max(state.in_flight - units, 0), state.write or 'KEEPTTL'
end

local acts = {}
for i = 1, #KEYS do
  local mode, window, step, limit, units, generation, slot = unpack('<I1I8I8I4I4I8I8', ARGV[i])
  local state = load(KEYS[i], window, step)
  if mode == 1 or mode >= 4 then
    if state.generation == generation then
      if mode ~= 4 then refund(state, slot, units) end
      if mode >= 4 then settle(state, units) end
    end
  elseif mode == 2 then
    local room = math.min(units, limit - state.used)
    if room > 0 then add(state, room) end
  elseif mode == 3 then
    state.raw, state.at, state.tail, state.used, state.generation, state.write = '', 1, '', 0, now, 'PXAT'
    state.first, state.last = false, false
    state.in_flight = 0
  end
  acts[i] = { state = state, limit = limit }
end
for _, state in pairs(states) do store(state) end
local answer = {}
for i, act in ipairs(acts) do
  local first = act.state.first
  answer[2 * i - 1] = act.limit - act.state.used
  answer[2 * i] = first and expires_at(act.state, first) - now or 0
end
return answer
