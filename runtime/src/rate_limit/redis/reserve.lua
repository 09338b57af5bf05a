-- Charges all requests, or none if a binding one is rejected.
-- KEYS: one for each request.
-- ARGV, for each request: window, step, limit, cost; flags (1 binding, 2 in flight, 4 a lease); only for a lease, the units to
-- charge and how much longer charges are held then; the deadline after which nothing is charged (0: none).
-- Answer: for each request 41 bytes, packed by struct.pack. Verdict (0 rejected, 1 charged, 2 rolled back because another request
-- was rejected, 3 after the deadline, 4 rejected, but it would be admitted if the units in flight were refunded), generation, slot,
-- units left, microseconds until the status changes, the clock, units charged.


-- How long until this many units are free.
local function wait(state, limit, cost)
  local used, at, entries = state.used, 1, sub(state.raw, state.at) .. state.tail
  while true do
    local slot, units = unpack('<I8I4', entries, at)
    used = used - units
    if used + cost <= limit then return expires_at(state, slot) - now end
    at = at + 12
  end
end

local requests, admit, late = {}, true, false
for i = 1, #KEYS do
  local arg = ARGV[i]
  local window, step, limit, cost, flags, deadline = unpack('<I8I8I4I4I1I8', arg)
  local binding, in_flight, lease, hold = flags % 2 == 1, flags % 4 >= 2, cost, 0
  if flags >= 4 then lease, hold, deadline = unpack('<I4I8I8', arg, 26) end
  if deadline > 0 and now > deadline then late = true end
  local state = load(KEYS[i], window, step)
  -- Another limit may have charged more under this key than this one allows.
  local free = math.max(limit - state.used, 0)
  local request = { state = state, free = free, first = state.first, cost = cost, slot = false, wait = false, settling = false }
  if cost <= free then
    if lease > cost then request.cost = math.min(lease, free) end
    request.slot = add(state, request.cost)
    if request.cost > cost and hold > state.hold then state.hold, state.write = hold, 'PXAT' end
    if in_flight then state.in_flight, state.second = state.in_flight + request.cost, floor(now / 1000000) end
  else
    request.wait = cost > limit and window or wait(state, limit, cost)
    request.settling = in_flight and state.used - state.in_flight + cost <= limit
    if binding then admit = false end
  end
  requests[i] = request
end
if late then admit = false end
local answer = ''
for i = 1, #requests do
  local request = requests[i]
  local state, slot = request.state, request.slot
  local verdict, free, time = request.settling and 4 or 0, request.free, request.wait
  if late then
    verdict, time = 3, 0
  elseif slot and admit then
    verdict, free, time = 1, free - request.cost, expires_at(state, request.first or slot) - now
  elseif slot then
    verdict, time = 2, request.first and expires_at(state, request.first) - now or 0
  end
  answer = answer .. pack('<I1I8I8I4i8I8I4', verdict, state.generation, slot or 0, free, time, now, request.cost)
  if admit then store(state) end
end
return answer
