#!lua flags=allow-oom
-- Reads parts of jobs' histories. Writes nothing.
-- @include items
--
-- ARGV  for each job: id · number of the first event wanted · how many at most
-- Gives for each {} (there is no such job) or {number of its last event, when it was accepted, its start time or '', number
--       of the oldest event kept, events…}; the first event is not kept, the job itself says it
-- Cost  O(events)

local function read(item)
  local id, from, limit = item[1], tonumber(item[2]), tonumber(item[3])
  local job, list = call('HMGET', key('job', id), 'n', 'ct', 'sa'), key('events', id)
  if not job[1] then return {} end
  local head = call('LINDEX', list, 0)
  local oldest = head and tonumber(string.match(head, '^{"n":(%d+)')) or 2
  local first = math.max(from, oldest) - oldest
  local answer = call('LRANGE', list, first, first + limit - 1)
  table.insert(answer, 1, ms(oldest))
  table.insert(answer, 1, job[3] or '')
  table.insert(answer, 1, job[2])
  table.insert(answer, 1, job[1])
  return answer
end

return for_each_item(read)
