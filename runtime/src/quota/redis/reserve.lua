-- KEYS: one for each ask. ARGV: window, step, limit, cost, whether it binds.
-- Answer for each: verdict (0 refused, 1 charged, 2 spared), generation, place, units left, microseconds, the clock.
local now = clock()
local asks, go = {}, true
for i = 1, #KEYS do
  local window, step, limit, cost, binds = unpack('<I8I8I4I4I1', ARGV[i])
  local state = load(KEYS[i], window, step, now)
  local ask = { state = state, free = limit - state.used, first = state.first, cost = cost }
  if cost <= ask.free then
    ask.place = add(state, cost)
  else
    ask.wait = wait(state, limit, cost, now)
    if binds == 1 then go = false end
  end
  asks[i] = ask
end
local answer, n = {}, 0
for i = 1, #asks do
  local ask = asks[i]
  local state, place = ask.state, ask.place
  local verdict, free, time = 0, ask.free, ask.wait
  if place and go then
    verdict, free, time = 1, free - ask.cost, leaves(state, ask.first or place) - now
  elseif place then
    verdict, time = 2, ask.first and leaves(state, ask.first) - now or 0
  end
  answer[n + 1], answer[n + 2], answer[n + 3] = verdict, state.generation, place or 0
  answer[n + 4], answer[n + 5], answer[n + 6] = free, time, now
  n = n + 6
end
if go then
  for _, state in pairs(states) do store(state) end
end
return answer
