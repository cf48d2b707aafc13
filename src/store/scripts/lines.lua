-- Shared by scripts that put single jobs into lines and take them out.

-- Puts a job into its line. The jobs of a lock's owner also go where they pass the lock.
local function enter_line(id, endpoint, line, score, expires)
  call('ZADD', key(line, endpoint), score, id)
  call('ZADD', key('expire'), expires, id)
  local owner = call('HGET', key('ep', endpoint), 'locker')
  if owner and owner == call('HGET', key('job', id), 'by') then
    call('ZADD', key(line .. '-pass', endpoint), score, id)
  end
end

-- When a job expires that goes back to waiting: what may be repeated gets its whole queue timeout again; a change does
-- not, so that nothing stale runs late.
local function expiry(class, timeout, expires)
  if class == 'AT_MOST_ONCE' then return expires end
  return ms(math.max(expires, now + timeout))
end

-- Takes a job that waits from wherever it waits: its line, the delayed ones, a limit it is parked under.
local function withdraw(id, endpoint, line)
  call('ZREM', key(line, endpoint), id)
  call('ZREM', key(line .. '-pass', endpoint), id)
  call('ZREM', key('delayed'), id)
  call('SREM', key('later', endpoint), id)
  local name = call('HGET', key('job', id), 'parked')
  if name then call('ZREM', key('parked', name), id) end
end
