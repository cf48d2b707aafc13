#!lua flags=allow-oom
-- Says how a zone is, for those who watch over it. Writes nothing.
-- @include gate
--
-- Gives name and value in turn: gate (OPEN, SHUT, HIDDEN) · missing (workers whose journals are waited for, or were given
--       up) · delayed, queued, running (jobs) · oldest (milliseconds since the oldest that is queued was accepted) · late
--       (milliseconds by which the first that is due is late) · held (devices held for missing journals or old data)
--       doubts (jobs whose outcome nobody has resolved, of the latest 1,000 that are INDETERMINATE)
-- Cost  O(workers + doubts)

local shut = gate_shut()
local oldest = call('ZRANGE', key('ix:state', 'QUEUED'), '-', '+', 'BYLEX', 'LIMIT', 0, 1)[1]
local first = call('ZRANGE', key('delayed'), 0, 0, 'WITHSCORES')[2]

local missing, held = 0, 0
for _, worker in ipairs(call('SMEMBERS', key('workers'))) do
  local given_up = call('HGET', key('worker', worker), 'missing')
  if given_up then held = held + call('SCARD', key('held', 'worker/' .. worker)) end
  if given_up or (shut == 'SHUT' and call('SISMEMBER', key('replayed'), worker) == 0) then missing = missing + 1 end
end
held = held + call('SCARD', key('held', 'restore'))

local doubts = 0
for _, id in ipairs(call('ZRANGE', key('ix:state', 'INDETERMINATE'), '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, 1000)) do
  if call('HEXISTS', key('job', id), 'rsl') == 0 then doubts = doubts + 1 end
end

return {
  'gate', shut or 'OPEN', 'missing', missing,
  'delayed', call('ZCARD', key('delayed')), 'queued', call('ZCARD', key('ix:state', 'QUEUED')),
  'running', call('ZCARD', key('ix:state', 'RUNNING')),
  'oldest', oldest and math.max(0, now - (call('HGET', key('job', oldest), 'ct') or now)) or 0,
  'late', first and math.max(0, math.floor(now - tonumber(first))) or 0,
  'held', held, 'doubts', doubts,
}
