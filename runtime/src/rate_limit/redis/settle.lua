-- Changes or reads charges that were decided before.
-- KEYS: one for each act.
-- ARGV, for each act: mode (0 look, 1 give back, 2 charge as many units as there is room for, 3 forget, 4 keep units in flight, 5 give
-- back units in flight), window, step, limit, units, generation, place.
-- Answer, for each act: units left, microseconds until the next unit is free.
local now = clock()

local function give_back(state, place, units)
  for at = 1, #state.rest, 12 do
    local held, count = unpack('<I8I4', state.rest, at)
    if held == place then
      units = math.min(units, count)
      local kept = count > units and pack('<I8I4', place, count - units) or ''
      state.rest = state.rest:sub(1, at - 1) .. kept .. state.rest:sub(at + 12)
      state.used, state.changed = state.used - units, true
      state.first = #state.rest > 0 and unpack('<I8', state.rest) or nil
      return
    end
  end
end

local acts = {}
for i = 1, #KEYS do
  local mode, window, step, limit, units, generation, place = unpack('<I1I8I8I4I4I8I8', ARGV[i])
  local state = load(KEYS[i], window, step, now)
  if mode == 1 or mode >= 4 then
    if state.generation == generation then
      if mode ~= 4 then give_back(state, place, units) end
      if mode >= 4 then settle(state, units) end
    end
  elseif mode == 2 then
    local room = math.min(units, limit - state.used)
    if room > 0 then add(state, room) end
  elseif mode == 3 then
    state.rest, state.used, state.first, state.generation, state.changed = '', 0, nil, now, true
    state.flying = 0
  end
  acts[i] = { state = state, limit = limit }
end
for _, state in pairs(states) do store(state) end
local answer = {}
for i, act in ipairs(acts) do
  local first = act.state.first
  answer[2 * i - 1] = act.limit - act.state.used
  answer[2 * i] = first and leaves(act.state, first) - now or 0
end
return answer
