-- Charges all asks, or none if one of them that is binding is refused.
-- KEYS: one for each ask.
-- ARGV, for each ask: window, step, limit, cost; flags (1 binding, 2 pending); for a lease, the units to charge and how much longer
-- charges are held then (without a lease: the cost, and 0); the deadline after which nothing is charged (0: none).
-- Answer, for each ask: verdict (0 refused, 1 charged, 2 rolled back because another ask was refused, 3 after the deadline,
-- 4 refused, but not if the units in flight were given back), generation, place, units left, microseconds until the status
-- changes, the clock, units charged.
local now = clock()
local asks, go, late = {}, true, false
for i = 1, #KEYS do
  local window, step, limit, cost, flags, wish, hold, last = unpack('<I8I8I4I4I1I4I8I8', ARGV[i])
  if last > 0 and now > last then late = true end
  local state = load(KEYS[i], window, step, now)
  local ask = { state = state, free = limit - state.used, first = state.first, cost = cost }
  if cost <= ask.free then
    ask.cost = math.min(wish, ask.free)
    if ask.cost > cost then state.hold = math.max(state.hold, hold) end
    ask.place = add(state, ask.cost)
    if flags >= 2 then state.flying, state.second = state.flying + ask.cost, math.floor(now / 1000000) end
  else
    ask.wait = wait(state, limit, cost, now)
    ask.flying = flags >= 2 and state.used - state.flying + cost <= limit
    if flags % 2 == 1 then go = false end
  end
  asks[i] = ask
end
if late then go = false end
local answer, n = {}, 0
for i = 1, #asks do
  local ask = asks[i]
  local state, place = ask.state, ask.place
  local verdict, free, time = ask.flying and 4 or 0, ask.free, ask.wait
  if late then
    verdict, time = 3, 0
  elseif place and go then
    verdict, free, time = 1, free - ask.cost, leaves(state, ask.first or place) - now
  elseif place then
    verdict, time = 2, ask.first and leaves(state, ask.first) - now or 0
  end
  answer[n + 1], answer[n + 2], answer[n + 3] = verdict, state.generation, place or 0
  answer[n + 4], answer[n + 5], answer[n + 6], answer[n + 7] = free, time, now, ask.cost
  n = n + 7
end
if go then
  for _, state in pairs(states) do store(state) end
end
return answer
