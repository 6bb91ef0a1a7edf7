-- `low`: entries of low priority while others wait: a sorted set of the group, score 0, of members (members.lua) with an empty key. So they
-- are in the order of their ids, and one is found by its id. Workers move them to ready (stream/promote.lua).
--
-- Such an entry has l1 among its own terms (entry.lua), in all of its places. So it comes back here when a delay or the wait for a retry is over.
-- @include stream/members
local low = {}

function low.is(delivery)
  return delivery.o ~= nil and string.find(delivery.o, 'l', 1, true) ~= nil
end

function low.put(key, delivery)
  redis.call('ZADD', key, 0, members.from('', delivery))
end

-- The entry of a member; nil when penknife did not write it.
function low.entry(member)
  return members.entry(member, 0)
end

-- An entry and its member; nil when it is not there.
function low.find(key, id)
  local prefix = members.prefix('', id)
  local member = redis.call('ZRANGE', key, '[' .. prefix, '(' .. prefix .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1]
  return member and low.entry(member), member
end
