-- Shared by append and finish: writes output and facts, in order.

local function append_facts(id, output, intended, confirmed, first)
  local job = key('job', id)
  if output ~= '' then redis.call('HSET', job, 'ob', redis.call('APPEND', key('output', id), output)) end
  if intended ~= '' then redis.call('HSET', job, 'is', intended) end
  if confirmed ~= '' then redis.call('HSET', job, 'cs', confirmed) end
  local attempt, number = redis.call('HGET', job, 'att'), nil
  for i = first, #ARGV do number = event(id, attempt, ARGV[i]) end
  return number
end
