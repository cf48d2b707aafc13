#!lua flags=allow-oom
-- Purges runs that ended long enough ago, some at a time. KEYS[1] is the installation's root.
--
-- ARGV  2 how many at most · 3 milliseconds to keep good ends · 4 milliseconds to keep the others · 5 milliseconds to keep
--       request ids
-- Gives how many
-- Cost  O(limit · log n)

local worked = 0
for set, keep in pairs({ ['runs-done:good'] = ARGV[3], ['runs-done:bad'] = ARGV[4] }) do
  local old = call('ZRANGE', key(set), '-inf', ms(now - tonumber(keep)), 'BYSCORE', 'LIMIT', 0, ARGV[2])
  for _, id in ipairs(old) do
    local facts = call('HMGET', key('run', id), 'request', 'ct', 'body')
    if facts[1] then
      local left = tonumber(facts[2]) + tonumber(ARGV[5]) - now
      call('PEXPIRE', key('run-request', facts[1]), math.max(1, math.floor(left)))
    end
    local schedule = facts[3] and cjson.decode(facts[3]).schedule
    if schedule then call('ZREM', key('runs-of', schedule), id) end
    call('ZREM', key(set), id)
    call('ZREM', key('runs'), id)
    call('UNLINK', key('run', id), key('run-codes', id), key('run-stamps', id), key('run-targets', id),
      key('run-errors', id), key('run-log', id), key('run-secrets', id))
    worked = worked + 1
  end
end
return worked
