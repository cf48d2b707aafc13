#!lua flags=no-writes
-- Reads devices of the inventory. KEYS[1] is the installation's root.
--
-- ARGV  2… names
-- Gives a list in JSON: for each [created, updated, device], or null where there is none
-- Cost  O(names): one command for many, since whoever asks pays for each that it sends

local all = {}
for i = 2, #ARGV do
  local facts = call('HMGET', key('device', ARGV[i]), 'created', 'updated', 'body')
  all[#all + 1] = facts[3] and '[' .. facts[1] .. ',' .. facts[2] .. ',' .. facts[3] .. ']' or 'null'
end
return '[' .. table.concat(all, ',') .. ']'
