#!lua flags=allow-oom
-- Reads parts of jobs' histories. Writes nothing.
-- @include items
--
-- ARGV  for each job: id · number of the first event wanted · how many at most
-- Gives for each {} (there is no such job) or {its fields that ASKED names, each '' where it has none, number of the oldest
--       event in its list or '', how many are there, events…}; what the job itself says of its history is not in the list
-- Cost  O(events)

local ASKED = { 'n', 'st', 'ct', 'sa', 's', 'fs', 'w', 'a1', 'e', 'att', 'err' }

local function read(_, id, from, limit)
  local answer, events = call('HMGET', key('job', id), unpack(ASKED)), key('events', id)
  if not answer[1] then return {} end
  for i = 1, #ASKED do answer[i] = answer[i] or '' end
  local head = call('LINDEX', events, '0')
  local oldest = head and tonumber(string.match(head, '^{"n":(%d+)'))
  add(answer, oldest and ms(oldest) or '', ms(call('LLEN', events)))
  if not oldest then return answer end
  local first = math.max(tonumber(from), oldest) - oldest
  for _, event in ipairs(call('LRANGE', events, first, first + limit - 1)) do answer[#answer + 1] = event end
  return answer
end

return for_each_item(3, read)
