// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";
import {Payments} from "./lib/Payments.sol";

/// @title DeCAI: a classifier that lives in this contract, is trained by it and predicts in it
/// @notice Harris, Waggoner 2019 (arXiv 1909.07276). Whoever adds a labelled datum pays a deposit, the larger the sooner
/// it comes after the one before, and the classifier learns from it at once. Whose datum the classifier predicts after a
/// wait has the deposit back, and counts as having been right; who was right before can report a datum that it
/// contradicts, for a share of its deposit. What nobody asked for in time is the owner's, and in the end anybody's.
/// Data are binary and sparse: the indices of the features that are on. They stand in the chain's log for everybody.
/// @dev At any time address(this).balance = escrow + the sum of collectable.
contract Decai {
    using Payments for mapping(address => uint256);

    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice `submitter` added datum `id` and left `deposit` wei; it paid more and can collect the change.
    event Added(uint256 indexed id, address indexed submitter, uint32[] features, uint8 label, uint256 deposit);
    /// @notice What was left of the deposit on datum `id` is its submitter's again.
    event Refunded(uint256 indexed id, address indexed submitter, uint256 amount);
    /// @notice `reporter` got so much of the deposit on datum `id`.
    event Reported(uint256 indexed id, address indexed reporter, uint256 amount);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What learns.
    enum Classifier {
        Perceptron,
        NearestCentroid
    }

    /// @notice Blocks to wait for a refund or a report, for the owner's claim, and for anybody's.
    struct Waits {
        uint32 refund;
        uint32 owner;
        uint32 anybody;
    }

    /// @dev What stands of a datum, under the hash of its contents; who reported it has had a share.
    struct Datum {
        address submitter;
        uint64 addedIn;
        uint96 deposit;
        uint96 left;
        mapping(address => bool) reportedBy;
    }

    /// @dev How many data a class has, and the sum of the squares of its features' counts.
    struct Class {
        uint64 size;
        uint192 squares;
    }

    /// @notice What learns here.
    Classifier public immutable classifier;
    /// @notice How many features there are.
    uint32 public immutable size;
    /// @notice What the perceptron's sum begins with; it never moves.
    int256 public immutable bias;
    /// @notice By how much the perceptron moves a weight.
    int256 public immutable rate;
    /// @notice Wei of a deposit an hour, so to say: see `price`.
    uint64 public immutable costWeight;
    /// @notice Who made this contract.
    address public immutable owner;
    /// @dev See `Waits`.
    uint32 private immutable refundBlocks;
    uint32 private immutable ownerBlocks;
    uint32 private immutable anybodyBlocks;

    /// @notice How many data were added; the next one has this id.
    uint32 public added;
    /// @notice When the newest was added, in seconds; the contract's own time before that.
    uint64 public addedAt;
    /// @dev The block in which it was.
    uint64 private addedIn;
    /// @notice Wei that are left of all deposits.
    uint96 public escrow;

    /// @notice How many data of an account the classifier agreed with when it had them refunded.
    mapping(address => uint256) public valid;
    /// @notice The sum of `valid` over all accounts.
    uint256 public totalValid;
    /// @notice Wei that an account can take home.
    mapping(address => uint256) public collectable;
    /// @dev Data by the hash of id, label and features.
    mapping(bytes32 => Datum) private data;

    /// @dev The perceptron's weight of each feature.
    mapping(uint256 => int256) private weight;
    /// @dev How many data of class 0 and of class 1 have a feature: a centroid is these numbers over the class's size.
    mapping(uint256 => uint128[2]) private counts;
    /// @dev The two classes.
    Class[2] private classes;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice The owner fixes what learns and the terms; the arguments are as the storage says.
    constructor(
        Classifier classifier_,
        uint32 size_,
        int256 bias_,
        int256 rate_,
        uint64 costWeight_,
        Waits memory waits
    ) {
        require(waits.refund <= waits.owner && waits.owner <= waits.anybody, "waits not in order");
        (classifier, size, bias, rate, costWeight) = (classifier_, size_, bias_, rate_, costWeight_);
        (refundBlocks, ownerBlocks, anybodyBlocks) = (waits.refund, waits.owner, waits.anybody);
        (owner, addedAt, addedIn) = (msg.sender, uint64(block.timestamp), uint64(block.number));
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    /// @notice Add a datum: the indices of its features that are on, ascending, and its label. What is paid beyond the
    /// price can be collected.
    function addData(uint32[] calldata features, uint8 label) external payable {
        require(label < 2, "no such class");
        for (uint256 i = 0; i < features.length; i++) {
            require(features[i] < size, "no such feature");
            require(i == 0 || features[i] > features[i - 1], "not ascending");
        }
        uint96 deposit = uint96(price());
        require(msg.value >= deposit, "deposit too small");
        uint32 id = added;
        (added, addedAt, addedIn, escrow) = (id + 1, uint64(block.timestamp), uint64(block.number), escrow + deposit);
        Datum storage datum = data[key(id, features, label)];
        (datum.submitter, datum.addedIn) = (msg.sender, uint64(block.number));
        (datum.deposit, datum.left) = (deposit, deposit);
        if (msg.value > deposit) collectable[msg.sender] += msg.value - deposit;
        _learn(features, label);
        emit Added(id, msg.sender, features, label, deposit);
    }

    /// @notice Have back what is left of the deposit on one's datum, since the classifier predicts its label now.
    function refund(uint256 id, uint32[] calldata features, uint8 label) external {
        Datum storage datum = _find(id, features, label);
        require(datum.submitter == msg.sender, "not the submitter");
        require(_waited(datum, refundBlocks), "too early");
        require(predict(features) == label, "the model disagrees");
        valid[msg.sender] += 1;
        totalValid += 1;
        emit Refunded(id, msg.sender, _release(datum, datum.left));
    }

    /// @notice Take of the deposit on another's datum the share that one's valid data are of all, since the classifier
    /// contradicts it; all that is left where that is nothing or more. The owner, later anybody, takes all in any case.
    function report(uint256 id, uint32[] calldata features, uint8 label) external {
        Datum storage datum = _find(id, features, label);
        uint96 amount = datum.left;
        if (!_waited(datum, anybodyBlocks) && !(msg.sender == owner && _waited(datum, ownerBlocks))) {
            require(datum.submitter != msg.sender, "one's own datum");
            require(!datum.reportedBy[msg.sender], "already reported");
            require(_waited(datum, refundBlocks), "too early");
            require(predict(features) != label, "the model agrees");
            require(valid[msg.sender] > 0, "nothing valid yet");
            uint256 share = datum.deposit * valid[msg.sender] / totalValid;
            if (share > 0 && share < amount) amount = uint96(share);
            datum.reportedBy[msg.sender] = true;
        }
        emit Reported(id, msg.sender, _release(datum, amount));
    }

    /// @notice Take home what is one's own.
    function collect() external {
        collectable.collect();
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice Wei that a datum costs now: an hour's cost weight over the root of the seconds since the newest datum.
    function price() public view returns (uint256) {
        uint256 root = _root(block.timestamp - addedAt);
        return uint256(costWeight) * 3600 / (root == 0 ? 1 : root);
    }

    /// @notice The class of a datum, as the classifier stands now.
    function predict(uint32[] calldata features) public view returns (uint8) {
        return classifier == Classifier.Perceptron ? _side(features) : _nearest(features);
    }

    /// @notice What the contract keeps a datum under.
    function key(uint256 id, uint32[] calldata features, uint8 label) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(id, uint256(label), features));
    }

    /// @notice Wei that are left of the deposit on each of these data, by their keys.
    function left(bytes32[] calldata keys) external view returns (uint96[] memory amounts) {
        amounts = new uint96[](keys.length);
        for (uint256 i = 0; i < keys.length; i++) amounts[i] = data[keys[i]].left;
    }

    /// @notice Last block in which the newest datum can be neither refunded nor reported.
    function deadline() external view returns (Deadline) {
        return Deadline.wrap(addedIn + refundBlocks);
    }

    /// @notice The perceptron: the weight of each feature.
    function weights() external view returns (int256[] memory all) {
        all = new int256[](size);
        for (uint256 i = 0; i < size; i++) all[i] = weight[i];
    }

    /// @notice The centroids: how many data class 0 and class 1 have, and how many of them each feature is on in.
    function centroids() external view returns (uint64[2] memory sizes, uint128[2][] memory all) {
        sizes = [classes[0].size, classes[1].size];
        all = new uint128[2][](size);
        for (uint256 i = 0; i < size; i++) all[i] = counts[i];
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    function _find(uint256 id, uint32[] calldata features, uint8 label) private view returns (Datum storage datum) {
        datum = data[key(id, features, label)];
        require(datum.submitter != address(0), "no such datum");
        require(datum.left > 0, "nothing left");
    }

    function _waited(Datum storage datum, uint32 blocks) private view returns (bool) {
        return Deadline.wrap(datum.addedIn + blocks).passed();
    }

    /// @dev Of what is left of a deposit, let the sender collect so much.
    function _release(Datum storage datum, uint96 amount) private returns (uint96) {
        datum.left -= amount;
        escrow -= amount;
        collectable[msg.sender] += amount;
        return amount;
    }

    /// @dev A perceptron moves on a mistake alone, and then the weights of what is on; centroids always do.
    function _learn(uint32[] calldata features, uint8 label) private {
        if (classifier == Classifier.Perceptron) {
            if (_side(features) == label) return;
            int256 step = label == 1 ? rate : -rate;
            for (uint256 i = 0; i < features.length; i++) weight[features[i]] += step;
        } else {
            Class storage own = classes[label];
            uint192 more = 0;
            for (uint256 i = 0; i < features.length; i++) {
                uint128 count = counts[features[i]][label];
                counts[features[i]][label] = count + 1;
                more += 2 * uint192(count) + 1;
            }
            (own.size, own.squares) = (own.size + 1, own.squares + more);
        }
    }

    /// @dev The perceptron: whether the sum of bias and weights is above 0.
    function _side(uint32[] calldata features) private view returns (uint8) {
        int256 sum = bias;
        for (uint256 i = 0; i < features.length; i++) sum += weight[features[i]];
        return sum > 0 ? 1 : 0;
    }

    /// @dev The class whose centroid is nearest; 0 where both are, a class without data only if both are without.
    function _nearest(uint32[] calldata features) private view returns (uint8) {
        (int256 n0, int256 n1) = (int256(uint256(classes[0].size)), int256(uint256(classes[1].size)));
        if (n0 == 0 || n1 == 0) return n1 > 0 ? 1 : 0;
        (int256 sum0, int256 sum1) = (0, 0);
        for (uint256 i = 0; i < features.length; i++) {
            uint128[2] storage count = counts[features[i]];
            (sum0, sum1) = (sum0 + int256(uint256(count[0])), sum1 + int256(uint256(count[1])));
        }
        // |x - s / n|^2 = |x| + (|s|^2 - 2 n s.x) / n^2, compared over the product of both n^2 and without |x|.
        int256 far0 = (int256(uint256(classes[0].squares)) - 2 * n0 * sum0) * n1 * n1;
        int256 far1 = (int256(uint256(classes[1].squares)) - 2 * n1 * sum1) * n0 * n0;
        return far1 < far0 ? 1 : 0;
    }

    /// @dev The whole part of a square root, by Heron's method.
    function _root(uint256 square) private pure returns (uint256 root) {
        root = square;
        uint256 next = (square + 1) / 2;
        while (next < root) (root, next) = (next, (square / next + next) / 2);
    }
}
