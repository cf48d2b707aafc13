-- Shared by scripts that put single jobs into lines and take them out.
-- @needs hold

-- What a job was created with that scripts seldom need: `by` creator, `queue`, `labels`, `qto` queue timeout, `addr`
-- and `dev` of its device.
local function definition_of(id)
  return cjson.decode(call('HGET', key('job', id), 'def'))
end

-- Puts a job into its line. The jobs of a lock's owner also go where they pass the lock. While the zone takes no changes,
-- neither does the device of one that comes back.
local function enter_line(id, endpoint, line, score, expires)
  if line == 'changes' then hold_as_zone(endpoint) end
  call('ZADD', key(line, endpoint), score, id)
  write('ZADD', key('expire'), expires, id)
  local owner = call('HGET', key('ep', endpoint), 'locker')
  if owner and owner == definition_of(id).by then
    call('ZADD', key(line .. '-pass', endpoint), score, id)
  end
end

-- When a job expires that goes back to waiting: what may be repeated gets its whole queue timeout again; a change does
-- not, so that nothing stale runs late.
local function expiry(id, class, expires)
  if class == 'AT_MOST_ONCE' then return expires end
  return ms(math.max(expires, now + definition_of(id).qto))
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
