-- Charges all requests, or none if a binding one is rejected.
-- KEYS: one for each request.
-- ARGV, for each request: window, step, limit, cost; flags (1 binding, 2 in flight); for a lease, the units to charge and how
-- much longer charges are held then (without a lease: the cost, and 0); the deadline after which nothing is charged (0:
-- none).
-- Answer, for each request: verdict (0 rejected, 1 charged, 2 rolled back because another request was rejected, 3 after the
-- deadline, 4 rejected, but it would be admitted if the units in flight were refunded), generation, slot, units left,
-- microseconds until the status changes, the clock, units charged.
local now = clock()
local requests, admit, late = {}, true, false
for i = 1, #KEYS do
  local window, step, limit, cost, flags, lease, hold, deadline = unpack('<I8I8I4I4I1I4I8I8', ARGV[i])
  if deadline > 0 and now > deadline then late = true end
  local state = load(KEYS[i], window, step, now)
  local request = { state = state, free = limit - state.used, first = state.first, cost = cost }
  if cost <= request.free then
    request.cost = math.min(lease, request.free)
    if request.cost > cost then state.hold = math.max(state.hold, hold) end
    request.slot = add(state, request.cost)
    if flags >= 2 then state.in_flight, state.second = state.in_flight + request.cost, math.floor(now / 1000000) end
  else
    request.wait = wait(state, limit, cost, now)
    request.in_flight = flags >= 2 and state.used - state.in_flight + cost <= limit
    if flags % 2 == 1 then admit = false end
  end
  requests[i] = request
end
if late then admit = false end
local answer, n = {}, 0
for i = 1, #requests do
  local request = requests[i]
  local state, slot = request.state, request.slot
  local verdict, free, time = request.in_flight and 4 or 0, request.free, request.wait
  if late then
    verdict, time = 3, 0
  elseif slot and admit then
    verdict, free, time = 1, free - request.cost, expires_at(state, request.first or slot) - now
  elseif slot then
    verdict, time = 2, request.first and expires_at(state, request.first) - now or 0
  end
  answer[n + 1], answer[n + 2], answer[n + 3] = verdict, state.generation, slot or 0
  answer[n + 4], answer[n + 5], answer[n + 6], answer[n + 7] = free, time, now, request.cost
  n = n + 7
end
if admit then
  for _, state in pairs(states) do store(state) end
end
return answer
