#!lua flags=allow-oom
-- After a worker has told what its journal knows: what Redis believes it runs and it does not is lost, a bounded step
-- a call.
-- @include gate, event, move, hold, lines, place, freezes, limits, rates, close_job, lose
--
-- ARGV  2 worker · 3 the history that was told · 4 cursor, '0' at first · 5… job and fence of each attempt that goes on,
--       in turn
-- Gives {cursor, '0' when all is done; job that goes on and that it does not hold, …} · {'ANOTHER'} (this is another
--       history: what it forgot is not to be taken for lost)
-- Cost  O(devices looked at + attempts)

if is_another(ARGV[3]) then return { 'ANOTHER' } end
local worker = ARGV[2]
local runs = {}
for i = 5, #ARGV, 2 do runs[ARGV[i]] = ARGV[i + 1] end

local step = call('SSCAN', key('owned', worker), ARGV[4], 'COUNT', 500)
table.sort(step[2])
for _, endpoint in ipairs(step[2]) do
  local device = gates(endpoint)
  if device.owner == worker and device.run and runs[device.run] ~= device.fence then
    call('HDEL', key('ep', endpoint), 'run')
    lose(device.run, endpoint)
    place(endpoint)
  end
end
-- Nor is a claim answered again that it gave up.
call('HDEL', key('worker', worker), 'claim', 'claimed')

local reply = { step[1] }
for job, fence in pairs(runs) do
  local endpoint = call('HGET', key('job', job), 'ep')
  local device = endpoint and gates(endpoint)
  if not (device and device.owner == worker and device.run == job and device.fence == fence) then
    reply[#reply + 1] = job
  end
end
return reply
