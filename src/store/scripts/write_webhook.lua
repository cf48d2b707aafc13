#!lua flags=allow-oom
-- Stores a webhook of the installation, changes it, or takes it away: its deliveries are then swept up. KEYS[1] is the installation's
-- root.
--
-- webhooks              hash: by name each webhook, JSON, and '#version', which grows with every change
-- webhooks-gone         set: uids of webhooks that are taken away and may have deliveries
-- webhook:<uid>         hash: n (deliveries so far) · failures (attempts in a row that failed) · next (when it is tried
--                       again, while it is down) · wake ('1': it came back, and what waits is brought forward) · ok (latest
--                       success)
-- delivery:<id>         hash: wh (uid) · n (number) · st · kind · sub · et (time of the event) · dl (deadline) · body · att
--                       (attempts) · e (ended) · why · l<number modulo 10> (attempts, JSON)
-- deliveries-due:<uid>  zset of pending deliveries by when they are tried next
-- deliveries:<uid> <state>  zset of deliveries by number
-- deliveries-late       zset of "<uid> <id>": pending deliveries by their deadline
-- deliveries-ended      zset of "<uid> <id>": the others by when they are purged
-- hook-events, hook-told, hooks   as in a zone
--
-- ARGV  2 name · 3 the webhook as the inside of a JSON object, or '' to take it away · 4 its uid, to take it away or to change
--       it, or '' · 5 how many there may be · 6 to change it, the version of the webhooks that the change was made of
-- Gives {'OK', time} · {'EXISTS'} · {'FULL'} · {'NONE'} · {'CHANGED'} (there is a later version)
-- Cost  O(1)

local webhooks, name = key('webhooks'), ARGV[2]
if ARGV[4] ~= '' then
  local before = call('HGET', webhooks, name)
  if not before or cjson.decode(before).uid ~= ARGV[4] then return { 'NONE' } end
  if ARGV[3] == '' then
    call('HDEL', webhooks, name)
    call('SADD', key('webhooks-gone'), ARGV[4])
  else
    if call('HGET', webhooks, '#version') ~= ARGV[6] then return { 'CHANGED' } end
    call('HSET', webhooks, name, '{' .. ARGV[3] .. '}')
  end
else
  if call('HEXISTS', webhooks, name) == 1 then return { 'EXISTS' } end
  if call('HLEN', webhooks) > tonumber(ARGV[5]) then return { 'FULL' } end
  call('HSET', webhooks, name, '{' .. ARGV[3] .. ',"createMs":' .. now_text .. '}')
end
call('HINCRBY', webhooks, '#version', 1)
return { 'OK', now_text }
