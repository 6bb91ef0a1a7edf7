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
-- @batch 8
-- @full refused      it may add a user; connections that are there stay
-- @include now
-- @include typed
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

-- Of the processes of this batch's connections: whether somebody follows their channels.
local there = {}

local function is_there(process)
  local found = there[process]
  if found == nil then
    found = redis.call('PUBSUB', 'SHARDNUMSUB', channel .. process)[2] > 0
    there[process] = found
  end
  return found
end

local function admitted_at(member)
  return tonumber(string.sub(member, 1, 17))
end

-- The process and the number of a member.
local function owner_of(member)
  local colon = string.find(member, ':', 19, true)
  return string.sub(member, 19, colon - 1), string.sub(member, colon + 1)
end

local function close(held, member)
  local process, number = owner_of(member)
  redis.call('SPUBLISH', channel .. process, number)
  redis.call('ZREM', held, member)
end

-- Closes what is too much among at most 101 members, since each call leaves no more than its `most`, at most 100. True
-- when `mine` is closed.
local function make_room(held, members, most, mine)
  local living, oldest, oldest_at = {}, nil, nil
  for _, member in ipairs(members) do
    if is_there((owner_of(member))) then
      living[#living + 1] = member
      local at = admitted_at(member)
      if not oldest or at < oldest_at then
        oldest, oldest_at = member, at
      end
    else
      redis.call('ZREM', held, member)
    end
  end
  local over = #living - most
  if over <= 0 then
    return false
  end
  if over == 1 then
    close(held, oldest)
    return oldest == mine
  end
  table.sort(living)
  local closed = false
  for at = 1, over do
    close(held, living[at])
    closed = closed or living[at] == mine
  end
  return closed
end

-- As many as there can be, whatever else wrote into the set.
local MOST = 101

-- The first members, as many as there can be. What something else put there goes, so that it takes nobody's place.
local function members_of(held)
  local members = {}
  for _, member in ipairs(redis.call('ZRANGE', held, 0, MOST - 1)) do
    local admitted = string.match(member, '^(%d+):[^:]+:%d+$')
    if admitted and #admitted == 17 and tonumber(admitted) < 2 ^ 53 then
      members[#members + 1] = member
    else
      redis.call('ZREM', held, member)
    end
  end
  return members
end

local function item(held, process, number, admitted, most)
  local wrong = typed(held, 'zset')
  if wrong then
    return wrong
  end
  there[process] = true
  most = tonumber(most)
  redis.call('ZREMRANGEBYSCORE', held, '-inf', ms)
  local members
  if admitted == '' then
    members = members_of(held)
    local at = now
    for _, member in ipairs(members) do
      at = math.max(at, admitted_at(member) + 1)
    end
    admitted = string.format('%017.0f', at)
  end
  local mine = admitted .. ':' .. process .. ':' .. number
  redis.call('ZADD', held, ms + lease, mine)
  redis.call('PEXPIRE', held, lease)
  if members then
    members[#members + 1] = mine
  elseif redis.call('ZCARD', held) > most then
    members = members_of(held)
  end
  if members and #members > most and make_room(held, members, most, mine) then
    return ''
  end
  return admitted
end
