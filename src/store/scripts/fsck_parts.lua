#!lua flags=allow-oom
-- Checks keys that belong to one job and must not outlive it or its need.
-- @include fsck
--
-- ARGV  3 kind (events, output, transcript, secret, dedupe, request) · 4 milliseconds to keep request ids · 5… names,
--       at most 100
-- Cost  O(names)

local kind = ARGV[3]
for i = 5, #ARGV do
  local name = ARGV[i]
  local where = key(kind, name)
  local drop = function() call('UNLINK', where) end
  if call('EXISTS', where) == 0 then
    -- It went while it was looked for.
  elseif kind == 'dedupe' then
    local id = call('GET', where)
    local job = read(key('job', id), 'st', 'dedupe')
    if not is_live(job.st) or job.dedupe ~= name then
      found(name, 'dedupe-is-live', where, 'job ' .. id .. ' is not live under it', drop)
    end
  elseif kind == 'request' then
    local id = string.match(call('GET', where), '^(%S+) ')
    if not id then
      found(name, 'request-has-a-job', where, 'it names no job', drop)
    elseif call('EXISTS', key('job', id)) == 0 and call('PTTL', where) == -1 then
      found(name, 'request-ends', where, 'job ' .. id .. ' is gone and it would stay for ever', function()
        call('PEXPIRE', where, ARGV[4])
      end)
    end
  else
    local state = call('HGET', key('job', name), 'st')
    if not state then
      found(name, 'part-has-a-job', where, 'its job is not there', drop)
    elseif kind == 'secret' and FINAL[state] then
      found(name, 'secret-is-erased', where, 'its job has ended', drop)
    end
  end
end
return findings
