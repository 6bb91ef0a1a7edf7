--- Count a connection among those of its user; beyond a bound the oldest is closed.
--
-- A user's connections are ordered by the time at which they were admitted, and the newest `most` stay. That rule needs
-- no other state: whoever is put back, after a restart without data or by a process that was cut off, is put back in
-- its place. A new connection is always the newest, also when the clock was stepped back.
--
-- A process follows a pub/sub channel of its own, so that it is told at once of a connection that has to go. A process
-- whose channel nobody follows has died or is cut off: when there is no room its connections go first, so that what
-- a dead server left behind closes no living connection. Who was only cut off puts its own back when it renews them.
--
-- A process that dies before or after the call leaves at most an entry that goes with its lease, and that takes nobody's
-- place until then. The message that a connection has to go is sent before its entry goes; whoever misses it is answered
-- '' at its next renewal.
-- @batch 32
-- @include now
-- @shared lease       milliseconds for which a connection counts after it was last heard of
-- @shared channel     what the pub/sub channels of processes begin with; their ids follow
-- @item key held      sorted set of a user: <admitted>:<process>:<number>, by the millisecond at which its lease ends
-- @item arg process   id of the process that has the connection
-- @item arg number    the connection's number there
-- @item arg admitted  what the first call answered; empty for the first call
-- @item arg most      connections that the user may have
-- @returns string     when it was admitted, in microseconds; empty when it is one too many

local ms = math.floor(now / 1000)
lease = tonumber(lease)

local function is_there(process)
  return redis.call('PUBSUB', 'SHARDNUMSUB', channel .. process)[2] > 0
end

-- At most 101 members: each call leaves no more than its `most`, which is at most 100.
local function make_room(held, most, mine, process)
  local members = redis.call('ZRANGE', held, 0, -1)
  table.sort(members)
  local there = { [process] = true }
  local staying = 0
  for at = #members, 1, -1 do
    local member = members[at]
    local owner, number = string.match(member, '^%d+:([^:]+):(%d+)$')
    if there[owner] == nil then
      there[owner] = is_there(owner)
    end
    if there[owner] and staying < most then
      staying = staying + 1
    else
      if member == mine then
        mine = nil
      elseif there[owner] then
        redis.call('SPUBLISH', channel .. owner, number)
      end
      redis.call('ZREM', held, member)
    end
  end
  return mine ~= nil
end

local function item(held, process, number, admitted, most)
  redis.call('ZREMRANGEBYSCORE', held, '-inf', ms)
  if admitted == '' then
    local at = now
    for _, member in ipairs(redis.call('ZRANGE', held, 0, -1)) do
      at = math.max(at, tonumber(string.sub(member, 1, 17)) + 1)
    end
    admitted = string.format('%017.0f', at)
  end
  local mine = admitted .. ':' .. process .. ':' .. number
  redis.call('ZADD', held, ms + lease, mine)
  redis.call('PEXPIRE', held, lease)
  most = tonumber(most)
  if redis.call('ZCARD', held) > most and not make_room(held, most, mine, process) then
    return ''
  end
  return admitted
end
